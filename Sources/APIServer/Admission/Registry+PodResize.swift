import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  /// A pod that runs may only ask for what its node has.
  func checkResize(ofPod pod: JSONValue, old: JSONValue, _ info: ResourceInfo)
    async throws(APIStatus)
  {
    let name = pod.at("spec", "nodeName")?.stringValue ?? ""
    guard configuration.isEnabled(AdmissionPlugin.podResizeValidator), !name.isEmpty,
      pod.at("metadata", "generation") != old.at("metadata", "generation")
    else { return }
    let key = Key(resource: "nodes", group: "", namespace: "", name: name)
    guard let entry = try await entry(key) else {
      throw .forbidden(info.gvr, name: pod.name, "node \(GoFormat.quoted(name)) not found")
    }
    let node = try ObjectCodec.parse(entry.value, key: key)
    guard let refusal = PodResize.refusal(of: pod, on: node) else { return }
    var status = APIStatus.forbidden(info.gvr, name: pod.name, refusal.message)
    status.causes = [APIStatus.Cause(reason: refusal.reason, message: "", field: "")]
    throw status
  }
}

/// Whether a node can give a pod other resources while it runs (KEP-1287).
enum PodResize {
  static func refusal(of pod: JSONValue, on node: JSONValue) -> (reason: String, message: String)? {
    if let system = node.at("metadata", "labels", "kubernetes.io/os")?.stringValue,
      system != "linux"
    {
      return (
        "UnsupportedPlatform",
        "pod resize is only supported on linux nodes, node \(GoFormat.quoted(node.name)) is "
          + GoFormat.quoted(system)
      )
    }
    let wanted = PodResources.total(of: pod, .requests)
    let available = PodResources.amounts(node.at("status", "allocatable"))
    var missing: [String] = []
    for name in ["cpu", "memory"] {
      let request = wanted[name] ?? .zero
      let allocatable = available[name] ?? .zero
      guard request > allocatable else { continue }
      let amounts =
        name == "cpu"
        ? (request.milliValue, allocatable.milliValue) : (request.value, allocatable.value)
      missing.append("\(name), requested: \(amounts.0), allocatable: \(amounts.1)")
    }
    guard !missing.isEmpty else { return nil }
    return (
      "NodeCapacity",
      "node didn't have enough allocatable resources: \(missing.joined(separator: "; "))"
    )
  }
}
