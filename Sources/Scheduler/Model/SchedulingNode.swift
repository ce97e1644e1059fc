import JSONDocument
import KubernetesAPI
import KubernetesClient

/// A node with the pods that are on it, or are about to be.
public struct SchedulingNode: Sendable {
  public let name: String
  public internal(set) var labels: JSONObject = [:]
  public internal(set) var taints: [JSONValue] = []
  public internal(set) var isUnschedulable = false
  public internal(set) var allocatable = Resources()
  public internal(set) var maximumPods: Int64 = 0
  /// False while pods are known on it whose node is not.
  public internal(set) var exists = false
  public private(set) var used = Resources()
  /// With upstream's small amounts for pods that ask for nothing, so that these spread too.
  private(set) var usedForScore = Resources()
  public private(set) var pods: [String: SchedulingPod] = [:]
  private(set) var ownerCounts: [String: Int] = [:]
  private(set) var hostPorts: [SchedulingPod.HostPort: Int] = [:]

  init(name: String) { self.name = name }

  /// Whether a change of the node matters to any pod's fate.
  mutating func update(_ node: JSONValue) -> Bool {
    let old = (labels, taints, isUnschedulable, allocatable, maximumPods, exists)
    labels = node.meta.labelObject ?? [:]
    taints = node.at("spec", "taints")?.arrayValue ?? []
    isUnschedulable = node.at("spec", "unschedulable")?.boolValue ?? false
    let list = node.at("status", "allocatable")?.objectValue
    allocatable = Resources(list)
    maximumPods =
      list?["pods"].flatMap { $0.stringValue ?? $0.intValue.map { String($0) } }
      .flatMap { Quantity(parsing: $0)?.value } ?? 0
    exists = true
    return old != (labels, taints, isUnschedulable, allocatable, maximumPods, exists)
  }

  mutating func add(_ pod: SchedulingPod) {
    remove(pod.uid)
    pods[pod.uid] = pod
    used.add(pod.requests)
    usedForScore.add(Self.forScore(pod.requests))
    if let owner = pod.ownerUID { ownerCounts[owner, default: 0] += 1 }
    for port in pod.hostPorts { hostPorts[port, default: 0] += 1 }
  }

  mutating func remove(_ uid: String) {
    guard let pod = pods.removeValue(forKey: uid) else { return }
    used.add(pod.requests, sign: -1)
    usedForScore.add(Self.forScore(pod.requests), sign: -1)
    if let owner = pod.ownerUID {
      ownerCounts[owner, default: 1] -= 1
      if ownerCounts[owner] == 0 { ownerCounts[owner] = nil }
    }
    for port in pod.hostPorts {
      hostPorts[port, default: 1] -= 1
      if hostPorts[port] == 0 { hostPorts[port] = nil }
    }
  }

  /// Upstream's DefaultMilliCPURequest and DefaultMemoryRequest.
  static func forScore(_ requests: Resources) -> Resources {
    var requests = requests
    if requests.milliCPU == 0 { requests.milliCPU = 100 }
    if requests.memory == 0 { requests.memory = 200 << 20 }
    return requests
  }
}
