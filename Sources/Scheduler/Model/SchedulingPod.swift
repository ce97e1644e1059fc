import JSONDocument
import KubernetesAPI
import KubernetesClient

/// A pod as scheduling sees it, read once.
public struct SchedulingPod: Sendable {
  public struct HostPort: Sendable, Hashable {
    var address: String
    var `protocol`: String
    var port: Int64

    func conflicts(with other: HostPort) -> Bool {
      port == other.port && self.protocol == other.protocol
        && (address == other.address || address == "0.0.0.0" || other.address == "0.0.0.0")
    }
  }

  public var key: ObjectKey
  public var uid: String
  public var labels: JSONObject
  public var nodeName: String
  public var priority: Int64
  public var ownerUID: String?
  public var requests: Resources
  public var hostPorts: [HostPort]
  public var nodeSelector: JSONObject
  /// Any one must match; nil: none asked for.
  var requiredNodeTerms: [NodeTerm]?
  var preferredNodeTerms: [(weight: Int64, term: NodeTerm)]
  var affinity: [PodAffinityTerm]
  var antiAffinity: [PodAffinityTerm]
  var preferredAffinity: [(weight: Int64, term: PodAffinityTerm)]
  var spread: [SpreadConstraint]
  public var tolerations: [JSONValue]
  public var isBeingDeleted: Bool
  /// The object as it was read.
  public var object: JSONValue

  public init(_ pod: JSONValue) {
    let view = PodView(pod)
    let spec = pod["spec"] ?? [:]
    key = pod.key
    uid = pod.meta.uid
    labels = pod.meta.labelObject ?? [:]
    nodeName = view.nodeName
    priority = spec["priority"]?.intValue ?? 0
    ownerUID = pod.meta.controller?.uid
    requests = Self.requests(view)
    nodeSelector = view.nodeSelector
    tolerations = view.tolerations
    isBeingDeleted = view.isBeingDeleted
    object = pod
    hostPorts = view.containers.flatMap { $0["ports"]?.arrayValue ?? [] }.compactMap { port in
      guard let number = port["hostPort"]?.intValue, number > 0 else { return nil }
      let address = port["hostIP"]?.stringValue ?? ""
      return HostPort(
        address: address.isEmpty ? "0.0.0.0" : address,
        protocol: port["protocol"]?.stringValue ?? "TCP", port: number)
    }
    let node = spec.at("affinity", "nodeAffinity")
    requiredNodeTerms = node?
      .at("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")?.arrayValue?
      .map { NodeTerm($0) }
    preferredNodeTerms =
      (node?["preferredDuringSchedulingIgnoredDuringExecution"]?.arrayValue ?? [])
      .map { ($0["weight"]?.intValue ?? 0, NodeTerm($0["preference"] ?? [:])) }
    let (namespace, labels) = (key.namespace, labels)
    func required(_ kind: String) -> [PodAffinityTerm] {
      (spec.at("affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution")?.arrayValue
        ?? []).map { PodAffinityTerm($0, namespace: namespace, labels: labels) }
    }
    affinity = required("podAffinity")
    antiAffinity = required("podAntiAffinity")
    preferredAffinity = [("podAffinity", Int64(1)), ("podAntiAffinity", -1)].flatMap { kind, sign in
      (spec.at("affinity", kind, "preferredDuringSchedulingIgnoredDuringExecution")?.arrayValue
        ?? []).map {
          (
            sign * min(100, max(0, $0["weight"]?.intValue ?? 0)),
            PodAffinityTerm(
              $0["podAffinityTerm"] ?? [:], namespace: namespace, labels: labels)
          )
        }
    }
    spread = (spec["topologySpreadConstraints"]?.arrayValue ?? [])
      .map { SpreadConstraint($0, labels: labels) }
  }

  private static func requests(_ view: PodView) -> Resources {
    var names: Set<String> = []
    for container in view.containers + view.initContainers {
      for (name, _) in container.at("resources", "requests")?.objectValue ?? [:] {
        names.insert(name)
      }
    }
    for (name, _) in view.json.at("spec", "overhead")?.objectValue ?? [:] { names.insert(name) }
    var resources = Resources()
    for name in names { resources.set(name, view.requests(name)) }
    return resources
  }
}
