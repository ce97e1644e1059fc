import JSONDocument

/// The services of a cluster with their endpoints, as a node's proxy needs them: what Service and
/// EndpointSlice objects say, without what does not concern forwarding.
public struct ServiceTable: Sendable, Hashable {
  public struct Endpoint: Sendable, Hashable, Comparable {
    public var address: String
    public var port: Int
    /// Whether it runs on the node that this table is for.
    public var isLocal: Bool

    public init(address: String, port: Int, isLocal: Bool) {
      self.address = address
      self.port = port
      self.isLocal = isLocal
    }

    public static func < (left: Endpoint, right: Endpoint) -> Bool {
      (left.address, left.port) < (right.address, right.port)
    }
  }

  /// One port of one service.
  public struct Port: Sendable, Hashable {
    public var namespace: String
    public var service: String
    /// The port's name, empty where the service has only one.
    public var name: String
    /// `tcp`, `udp` or `sctp`.
    public var transport: String
    public var port: Int
    /// 0: none.
    public var nodePort: Int
    /// Cluster IPs and external IPs, IPv4 only.
    public var addresses: [String]
    /// Sorted.
    public var endpoints: [Endpoint]
    public var internalTrafficIsLocal: Bool
    public var externalTrafficIsLocal: Bool
    /// For how long a client stays with its endpoint; 0: each connection is drawn anew.
    public var affinitySeconds: Int

    /// `default/web:http`
    public var description: String {
      name.isEmpty ? "\(namespace)/\(service)" : "\(namespace)/\(service):\(name)"
    }
  }

  public var ports: [Port]

  /// - Parameter slices: all EndpointSlices; those of services that are not in `services` are
  ///   passed over.
  public init(services: [JSONValue], slices: [JSONValue], nodeName: String) {
    var slicesByService: [String: [JSONValue]] = [:]
    for slice in slices {
      guard slice["addressType"]?.stringValue == "IPv4",
        let service = slice.at("metadata", "labels", "kubernetes.io/service-name")?.stringValue
      else { continue }
      let namespace = slice.at("metadata", "namespace")?.stringValue ?? ""
      slicesByService["\(namespace)/\(service)", default: []].append(slice)
    }
    ports = services.flatMap { service in
      let namespace = service.at("metadata", "namespace")?.stringValue ?? ""
      let name = service.at("metadata", "name")?.stringValue ?? ""
      return Self.ports(
        of: service, namespace: namespace, name: name,
        slices: slicesByService["\(namespace)/\(name)"] ?? [], nodeName: nodeName)
    }
    ports.sort {
      ($0.namespace, $0.service, $0.name, $0.transport, $0.port)
        < ($1.namespace, $1.service, $1.name, $1.transport, $1.port)
    }
  }

  private static func ports(
    of service: JSONValue, namespace: String, name: String, slices: [JSONValue], nodeName: String
  ) -> [Port] {
    guard let spec = service["spec"], spec["type"]?.stringValue != "ExternalName",
      let clusterIP = spec["clusterIP"]?.stringValue, clusterIP != "None", !clusterIP.isEmpty
    else { return [] }
    var addresses = spec["clusterIPs"]?.arrayValue?.compactMap(\.stringValue) ?? [clusterIP]
    addresses += spec["externalIPs"]?.arrayValue?.compactMap(\.stringValue) ?? []
    addresses += (service.at("status", "loadBalancer", "ingress")?.arrayValue ?? []).compactMap {
      $0["ip"]?.stringValue
    }
    let usable = addresses.filter(isIPv4)
    let affinity =
      spec["sessionAffinity"]?.stringValue == "ClientIP"
      ? Int(
        spec.at("sessionAffinityConfig", "clientIP", "timeoutSeconds")?.intValue ?? 10_800) : 0
    return (spec["ports"]?.arrayValue ?? []).compactMap { port in
      let transport = (port["protocol"]?.stringValue ?? "TCP").lowercased()
      guard let number = port["port"]?.intValue, (1...65535).contains(number),
        ["tcp", "udp", "sctp"].contains(transport)
      else { return nil }
      let portName = port["name"]?.stringValue ?? ""
      return Port(
        namespace: namespace, service: name, name: portName, transport: transport,
        port: Int(number), nodePort: Int(port["nodePort"]?.intValue ?? 0),
        addresses: unique(usable),
        endpoints: endpoints(
          slices, portName: portName, transport: transport, nodeName: nodeName),
        internalTrafficIsLocal: spec["internalTrafficPolicy"]?.stringValue == "Local",
        externalTrafficIsLocal: spec["externalTrafficPolicy"]?.stringValue == "Local",
        affinitySeconds: affinity)
    }
  }

  /// Ready endpoints; where there is none, those that still serve while they terminate
  /// (KEP-1669).
  private static func endpoints(
    _ slices: [JSONValue], portName: String, transport: String, nodeName: String
  ) -> [Endpoint] {
    var ready: Set<Endpoint> = []
    var serving: Set<Endpoint> = []
    for slice in slices {
      let numbers = (slice["ports"]?.arrayValue ?? []).compactMap { port -> Int? in
        guard (port["name"]?.stringValue ?? "") == portName,
          (port["protocol"]?.stringValue ?? "TCP").lowercased() == transport,
          let number = port["port"]?.intValue, (1...65535).contains(number)
        else { return nil }
        return Int(number)
      }
      for endpoint in slice["endpoints"]?.arrayValue ?? [] {
        let isReady = endpoint.at("conditions", "ready")?.boolValue ?? true
        let isServing = endpoint.at("conditions", "serving")?.boolValue ?? isReady
        guard isReady || isServing else { continue }
        let isLocal = endpoint["nodeName"]?.stringValue == nodeName
        for address in endpoint["addresses"]?.arrayValue ?? [] {
          guard let address = address.stringValue, isIPv4(address) else { continue }
          for number in numbers {
            let value = Endpoint(address: address, port: number, isLocal: isLocal)
            if isReady { ready.insert(value) } else { serving.insert(value) }
          }
        }
      }
    }
    return (ready.isEmpty ? serving : ready).sorted()
  }

  private static func unique(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }

  /// Nothing else may reach the ruleset, which is text.
  static func isIPv4(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        (1...3).contains(part.count) && part.allSatisfy { $0.isASCII && $0.isNumber }
          && (Int(part) ?? 256) < 256
      }
  }
}
