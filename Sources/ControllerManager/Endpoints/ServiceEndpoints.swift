import JSONDocument
import KubernetesAPI
import KubernetesClient

/// One pod behind one service: its address, and the numbers of the service's ports on it.
struct ServiceEndpoint: Hashable, Sendable {
  struct Port: Hashable, Sendable {
    var name: String
    var number: Int64
    var `protocol`: String
    var appProtocol: String?
  }

  var address: String
  var nodeName: String
  var hostname: String?
  var podName: String
  var podUID: String
  var namespace: String
  /// What traffic goes by: ready, or the service wants all.
  var isReady: Bool
  var isServing: Bool
  var isTerminating: Bool
  /// In the service's order; ports that the pod does not have are left out.
  var ports: [Port]

  var target: JSONValue {
    [
      "kind": "Pod", "namespace": .string(namespace), "name": .string(podName),
      "uid": .string(podUID),
    ]
  }
}

/// Which pods stand behind a service. Pure.
enum ServiceEndpoints {
  static func isHeadless(_ service: JSONValue) -> Bool {
    service.at("spec", "clusterIP") == "None"
  }

  /// Whether endpoints are made for it at all: without a selector its owner makes them.
  static func isManaged(_ service: JSONValue) -> Bool {
    service.at("spec", "type") != "ExternalName"
      && service.at("spec", "selector")?.objectValue?.isEmpty == false
  }

  static func isIPv6(_ service: JSONValue) -> Bool {
    service.at("spec", "ipFamilies")?[0] == "IPv6"
  }

  static func selector(_ service: JSONValue) -> LabelSelector {
    LabelSelector(labels: service.at("spec", "selector")?.objectValue)
  }

  /// Sorted by address, so that equal input gives equal output.
  static func find(_ service: JSONValue, pods: [JSONValue]) -> [ServiceEndpoint] {
    let selector = selector(service)
    let publishesAll = service.at("spec", "publishNotReadyAddresses")?.boolValue ?? false
    let wantsIPv6 = isIPv6(service)
    var found: [ServiceEndpoint] = []
    for pod in pods where selector.matches(pod.meta.labelObject) {
      let facts = PodFacts(pod)
      guard !facts.isTerminal, let address = address(of: pod, isIPv6: wantsIPv6) else { continue }
      let isTerminating = pod.meta.isBeingDeleted
      let hostname = pod.at("spec", "hostname")?.stringValue
      let isNamed =
        hostname != nil && pod.at("spec", "subdomain")?.stringValue == service.meta.name
      found.append(
        ServiceEndpoint(
          address: address, nodeName: facts.nodeName, hostname: isNamed ? hostname : nil,
          podName: pod.meta.name, podUID: pod.meta.uid, namespace: pod.meta.namespace,
          isReady: publishesAll || (facts.isReady && !isTerminating), isServing: facts.isReady,
          isTerminating: isTerminating, ports: ports(of: service, on: pod)))
    }
    return found.sorted { ($0.address, $0.podUID) < ($1.address, $1.podUID) }
  }

  private static func address(of pod: JSONValue, isIPv6: Bool) -> String? {
    var addresses = (pod.at("status", "podIPs")?.arrayValue ?? [])
      .compactMap { $0["ip"]?.stringValue }
    if let first = pod.at("status", "podIP")?.stringValue { addresses.append(first) }
    return addresses.first { !$0.isEmpty && $0.contains(":") == isIPv6 }
  }

  private static func ports(of service: JSONValue, on pod: JSONValue) -> [ServiceEndpoint.Port] {
    (service.at("spec", "ports")?.arrayValue ?? []).compactMap { port in
      let transport = port["protocol"]?.stringValue ?? "TCP"
      let number: Int64?
      switch port["targetPort"] {
      case .string(let name):
        number = Int64(name) ?? named(name, transport, on: pod)
      case .int(let target) where target != 0: number = target
      default: number = port["port"]?.intValue
      }
      guard let number else { return nil }
      return ServiceEndpoint.Port(
        name: port["name"]?.stringValue ?? "", number: number, protocol: transport,
        appProtocol: port["appProtocol"]?.stringValue)
    }
  }

  private static func named(_ name: String, _ transport: String, on pod: JSONValue) -> Int64? {
    let sidecars = (pod.at("spec", "initContainers")?.arrayValue ?? [])
      .filter { $0["restartPolicy"] == "Always" }
    for container in (pod.at("spec", "containers")?.arrayValue ?? []) + sidecars {
      for port in container["ports"]?.arrayValue ?? []
      where port["name"]?.stringValue == name
        && port["protocol"]?.stringValue ?? "TCP" == transport
      {
        return port["containerPort"]?.intValue
      }
    }
    return nil
  }
}
