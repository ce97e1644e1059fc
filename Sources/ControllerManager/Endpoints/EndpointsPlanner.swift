import JSONDocument
import KubernetesAPI
import KubernetesClient

/// The Endpoints object of a service. Pure.
enum EndpointsPlanner {
  static let overCapacity = "endpoints.kubernetes.io/over-capacity"
  /// Upstream's maxCapacity.
  static let maximumAddresses = 1_000

  /// The object to write, or nil where `found` is so already.
  static func plan(service: JSONValue, pods: [JSONValue], found: JSONValue?) -> JSONValue? {
    let publishesAll = service.at("spec", "publishNotReadyAddresses")?.boolValue ?? false
    var endpoints = ServiceEndpoints.find(service, pods: pods)
      .filter { publishesAll || !$0.isTerminating }
    let isTruncated = endpoints.count > maximumAddresses
    if isTruncated {
      // Ready ones first, so that what is cut off is missed least.
      endpoints = Array(
        (endpoints.filter(\.isReady) + endpoints.filter { !$0.isReady }).prefix(maximumAddresses))
    }
    var groups: [[ServiceEndpoint.Port]: [ServiceEndpoint]] = [:]
    for endpoint in endpoints where !endpoint.ports.isEmpty || ServiceEndpoints.isHeadless(service)
    {
      groups[endpoint.ports, default: []].append(endpoint)
    }
    let subsets = groups.sorted { text($0.key) < text($1.key) }.map { ports, members in
      subset(ports: ports, members: members)
    }
    var labels = service.meta.labels
    labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"
    if ServiceEndpoints.isHeadless(service) { labels["service.kubernetes.io/headless"] = "" }
    var object: JSONValue =
      found ?? [
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": [
          "name": .string(service.meta.name), "namespace": .string(service.meta.namespace),
        ],
      ]
    object.set(JSONValue(strings: labels), at: "metadata", "labels")
    object.set(
      isTruncated ? "truncated" : nil, at: "metadata", "annotations", overCapacity)
    object["subsets"] = subsets.isEmpty ? nil : .array(subsets)
    if object == found { return nil }
    return object
  }

  private static func text(_ ports: [ServiceEndpoint.Port]) -> String {
    ports.map { "\($0.name) \($0.number) \($0.protocol)" }.joined(separator: ",")
  }

  private static func subset(ports: [ServiceEndpoint.Port], members: [ServiceEndpoint])
    -> JSONValue
  {
    func addresses(_ members: [ServiceEndpoint]) -> JSONValue? {
      members.isEmpty
        ? nil
        : .array(
          members.map { member in
            var address: JSONValue = ["ip": .string(member.address)]
            address["hostname"] = member.hostname.map { .string($0) }
            if !member.nodeName.isEmpty { address["nodeName"] = .string(member.nodeName) }
            address["targetRef"] = member.target
            return address
          })
    }
    var subset: JSONValue = [:]
    subset["addresses"] = addresses(members.filter(\.isReady))
    subset["notReadyAddresses"] = addresses(members.filter { !$0.isReady })
    if !ports.isEmpty {
      subset["ports"] = .array(
        ports.map { port in
          var object: JSONValue = [:]
          if !port.name.isEmpty { object["name"] = .string(port.name) }
          object["port"] = .int(port.number)
          object["protocol"] = .string(port.protocol)
          object["appProtocol"] = port.appProtocol.map { .string($0) }
          return object
        })
    }
    return subset
  }
}
