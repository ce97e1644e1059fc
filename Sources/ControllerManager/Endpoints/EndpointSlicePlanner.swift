import JSONDocument
import KubernetesAPI
import KubernetesClient

/// The EndpointSlices of a service. Pure.
enum EndpointSlicePlanner {
  static let serviceName = "kubernetes.io/service-name"
  static let managedBy = "endpointslice.kubernetes.io/managed-by"
  static let manager = "endpointslice-controller.k8s.io"
  /// Upstream's default for endpoints in a slice.
  static let maximumEndpoints = 100

  struct Plan: Equatable {
    /// Without names: the caller chooses them.
    var create: [JSONValue] = []
    var update: [JSONValue] = []
    var delete: [JSONValue] = []
  }

  /// Endpoints stay in the slice where they are, gaps are filled next, then slices are added; so
  /// that one pod's change rewrites one slice.
  static func plan(service: JSONValue, pods: [JSONValue], found: [JSONValue]) -> Plan {
    var groups: [[ServiceEndpoint.Port]: [ServiceEndpoint]] = [:]
    for endpoint in ServiceEndpoints.find(service, pods: pods) {
      groups[endpoint.ports, default: []].append(endpoint)
    }
    let type: JSONValue = ServiceEndpoints.isIPv6(service) ? "IPv6" : "IPv4"
    var plan = Plan()
    var slices: [JSONValue: [JSONValue]] = [:]
    for slice in found.sorted(by: { $0.meta.name < $1.meta.name })
    where !slice.meta.isBeingDeleted {
      if slice["addressType"] == type {
        slices[slice["ports"] ?? .array([]), default: []].append(slice)
      } else {
        plan.delete.append(slice)
      }
    }
    let labels = labels(of: service)
    for (ports, members) in groups {
      let list = portList(ports)
      let mine = slices.removeValue(forKey: list) ?? []
      fill(mine, with: members, ports: list, service: service, labels: labels, into: &plan)
    }
    // Port lists that nothing has any more. One empty slice is kept: it tells that the service
    // has no endpoints, rather than that nobody has looked yet.
    let leftovers = slices.values.flatMap { $0 }.sorted { $0.meta.name < $1.meta.name }
    if groups.isEmpty {
      if let kept = leftovers.first {
        write(kept, endpoints: [], labels: labels, into: &plan)
        plan.delete += leftovers.dropFirst()
      } else {
        plan.create.append(
          slice(of: service, ports: .array([]), type: type, endpoints: [], labels: labels))
      }
    } else {
      plan.delete += leftovers
    }
    return plan
  }

  private static func fill(
    _ slices: [JSONValue], with members: [ServiceEndpoint], ports: JSONValue, service: JSONValue,
    labels: [String: String], into plan: inout Plan
  ) {
    var waiting: [String: ServiceEndpoint] = [:]
    for member in members { waiting[member.podUID] = member }
    var kept: [[ServiceEndpoint]] = slices.map { slice in
      (slice["endpoints"]?.arrayValue ?? []).compactMap { endpoint in
        endpoint.at("targetRef", "uid")?.stringValue.flatMap { waiting.removeValue(forKey: $0) }
      }
    }
    var rest = members.filter { waiting[$0.podUID] != nil }[...]
    for position in kept.indices {
      let room = max(0, maximumEndpoints - kept[position].count)
      kept[position] += rest.prefix(room)
      rest = rest.dropFirst(room)
    }
    for (slice, endpoints) in zip(slices, kept) {
      if endpoints.isEmpty {
        plan.delete.append(slice)
      } else {
        write(slice, endpoints: endpoints, labels: labels, into: &plan)
      }
    }
    let type: JSONValue = ServiceEndpoints.isIPv6(service) ? "IPv6" : "IPv4"
    while !rest.isEmpty {
      plan.create.append(
        slice(
          of: service, ports: ports, type: type, endpoints: Array(rest.prefix(maximumEndpoints)),
          labels: labels))
      rest = rest.dropFirst(maximumEndpoints)
    }
  }

  private static func write(
    _ slice: JSONValue, endpoints: [ServiceEndpoint], labels: [String: String],
    into plan: inout Plan
  ) {
    var object = slice
    object["endpoints"] = .array(endpoints.map(endpoint))
    if slice["endpoints"] == nil, endpoints.isEmpty { object["endpoints"] = nil }
    if slice["endpoints"]?.isNull == true, endpoints.isEmpty { object["endpoints"] = .null }
    object.set(JSONValue(strings: labels), at: "metadata", "labels")
    if object != slice { plan.update.append(object) }
  }

  private static func labels(of service: JSONValue) -> [String: String] {
    var labels = service.meta.labels
    labels[serviceName] = service.meta.name
    labels[managedBy] = manager
    if ServiceEndpoints.isHeadless(service) { labels["service.kubernetes.io/headless"] = "" }
    return labels
  }

  private static func slice(
    of service: JSONValue, ports: JSONValue, type: JSONValue, endpoints: [ServiceEndpoint],
    labels: [String: String]
  ) -> JSONValue {
    [
      "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
      "metadata": [
        "generateName": .string("\(service.meta.name)-"),
        "namespace": .string(service.meta.namespace), "labels": JSONValue(strings: labels),
        "ownerReferences": [
          OwnerReference(controlledBy: service, apiVersion: "v1", kind: "Service").json
        ],
      ],
      "addressType": type, "endpoints": .array(endpoints.map(endpoint)), "ports": ports,
    ]
  }

  private static func portList(_ ports: [ServiceEndpoint.Port]) -> JSONValue {
    .array(
      ports.map { port in
        var object: JSONValue = [
          "name": .string(port.name), "port": .int(port.number), "protocol": .string(port.protocol),
        ]
        object["appProtocol"] = port.appProtocol.map { .string($0) }
        return object
      })
  }

  private static func endpoint(_ endpoint: ServiceEndpoint) -> JSONValue {
    var object: JSONValue = [
      "addresses": [.string(endpoint.address)],
      "conditions": [
        "ready": .bool(endpoint.isReady), "serving": .bool(endpoint.isServing),
        "terminating": .bool(endpoint.isTerminating),
      ],
    ]
    object["hostname"] = endpoint.hostname.map { .string($0) }
    object["targetRef"] = endpoint.target
    if !endpoint.nodeName.isEmpty { object["nodeName"] = .string(endpoint.nodeName) }
    return object
  }
}
