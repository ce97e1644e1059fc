import JSONDocument
import KubernetesAPI
import KubernetesClient

/// The nodes and what is on them: what a scheduling decision is made from.
public struct ClusterSnapshot: Sendable {
  public private(set) var nodes: [String: SchedulingNode] = [:]
  /// Sorted names of the nodes that exist; so that decisions depend on no hash order.
  private(set) var names: [String] = []
  private var nodeOfPod: [String: String] = [:]
  /// Pods with required anti-affinity, which bars others.
  private(set) var repelling: [String: SchedulingPod] = [:]
  public var namespaceLabels: [String: JSONObject] = [:]

  public init() {}

  public init(nodes: [JSONValue], pods: [JSONValue] = []) {
    for node in nodes { setNode(node) }
    for pod in pods { add(SchedulingPod(pod)) }
  }

  /// Tells whether the change may let a pod in that was turned away.
  @discardableResult
  public mutating func setNode(_ node: JSONValue) -> Bool {
    let name = node.meta.name
    let existed = nodes[name]?.exists ?? false
    let matters = nodes[name, default: SchedulingNode(name: name)].update(node)
    if !existed {
      let position = names.firstIndex { $0 > name } ?? names.endIndex
      names.insert(name, at: position)
    }
    return matters
  }

  public mutating func removeNode(_ name: String) {
    names.removeAll { $0 == name }
    nodes[name]?.exists = false
    if nodes[name]?.pods.isEmpty == true { nodes[name] = nil }
  }

  /// Puts a pod on its node, also one that was elsewhere before.
  public mutating func add(_ pod: SchedulingPod) {
    remove(pod.uid)
    nodes[pod.nodeName, default: SchedulingNode(name: pod.nodeName)].add(pod)
    nodeOfPod[pod.uid] = pod.nodeName
    if !pod.antiAffinity.isEmpty { repelling[pod.uid] = pod }
  }

  @discardableResult
  public mutating func remove(_ uid: String) -> Bool {
    guard let name = nodeOfPod.removeValue(forKey: uid) else { return false }
    nodes[name]?.remove(uid)
    repelling[uid] = nil
    if let node = nodes[name], !node.exists, node.pods.isEmpty { nodes[name] = nil }
    return true
  }

  func contains(_ uid: String) -> Bool { nodeOfPod[uid] != nil }

  var existing: some Sequence<SchedulingNode> { names.lazy.compactMap { nodes[$0] } }
}
