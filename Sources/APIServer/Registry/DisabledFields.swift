import JSONDocument
import KubernetesAPI

/// Fields that the API has, but that upstream takes no notice of by default: their features are
/// not on yet, or gone. What is new there is dropped; what an object has already stays.
enum DisabledFields {
  static func drop(from object: inout JSONValue, old: JSONValue?, _ info: ResourceInfo) {
    for path in paths[info.groupResource] ?? [] {
      if let now = object[path[0]], let before = old?[path[0]], now.isIdentical(to: before) {
        continue
      }
      guard has(object, path[...]), !(old.map { has($0, path[...]) } ?? false) else { continue }
      remove(from: &object, path[...])
    }
  }

  /// By resource; a star stands for each element of a list or each member of a map.
  private static let paths: [String: [[String]]] = {
    var paths: [String: [[String]]] = [
      // KEP-4355, coordinated leader election.
      "leases.coordination.k8s.io": [["spec", "strategy"], ["spec", "preferredHolder"]],
      // Dynamic configuration of kubelets, which is no more.
      "nodes": [["spec", "configSource"], ["status", "config"]],
      // Only v1beta1 had topologies.
      "endpointslices.discovery.k8s.io": [["endpoints", "*", "deprecatedTopology"]],
      // KEP-5030, limits of volumes.
      "csidrivers.storage.k8s.io": [["spec", "preventPodSchedulingIfMissing"]],
      // KEP-5491, lists as attributes, and KEP-5517, resources of the node that devices take.
      "resourceslices.resource.k8s.io": ["bools", "ints", "strings", "versions"].map {
        ["spec", "devices", "*", "attributes", "*", $0]
      } + [["spec", "devices", "*", "nodeAllocatableResourceMappings"]],
      "pods": podFields.map { ["spec"] + $0 },
    ]
    for (group, resource) in [
      ("", "podtemplates"), ("", "replicationcontrollers"), ("apps", "replicasets"),
      ("apps", "deployments"), ("apps", "daemonsets"), ("apps", "statefulsets"), ("batch", "jobs"),
      ("batch", "cronjobs"),
    ] {
      guard let template = PodSecurity.templatePath(group: group, resource: resource) else {
        continue
      }
      let name = GroupVersionResource(group: group, resource: resource).description
      paths[name] = podFields.map { template + ["spec"] + $0 }
    }
    return paths
  }()

  /// Of a pod's specification: KEP-4960, KEP-4671, KEP-4317 and KEP-3257.
  private static let podFields = [
    ["containers", "*", "lifecycle", "stopSignal"],
    ["initContainers", "*", "lifecycle", "stopSignal"],
    ["schedulingGroup"],
    ["volumes", "*", "projected", "sources", "*", "podCertificate"],
    ["volumes", "*", "projected", "sources", "*", "clusterTrustBundle"],
  ]

  private static func has(_ value: JSONValue, _ path: ArraySlice<String>) -> Bool {
    guard let name = path.first else { return !value.isNull }
    let rest = path.dropFirst()
    guard name == "*" else { return value[name].map { has($0, rest) } ?? false }
    switch value {
    case .array(let elements): return elements.contains { has($0, rest) }
    case .object(let members): return members.values.contains { has($0, rest) }
    default: return false
    }
  }

  private static func remove(from value: inout JSONValue, _ path: ArraySlice<String>) {
    guard let name = path.first else { return }
    let rest = path.dropFirst()
    if name == "*" {
      switch value {
      case .array(var elements):
        value = .null
        for index in elements.indices { remove(from: &elements[index], rest) }
        value = .array(elements)
      case .object(var members):
        value = .null
        for position in 0..<members.count {
          members.edit(at: position) { remove(from: &$0, rest) }
        }
        value = .object(members)
      default: break
      }
      return
    }
    guard !rest.isEmpty, var member = value[name] else {
      value[name] = nil
      return
    }
    remove(from: &member, rest)
    // A lifecycle that only had a signal is none.
    let isGone = name == "lifecycle" && member.objectValue?.isEmpty == true
    value[name] = isGone ? nil : member
  }
}
