import JSONDocument
import Keyspace
import KubernetesAPI

/// Addresses and ports that Services are given. Each one in use is a key of the store, written in
/// the transaction that writes the Service, so that no two servers give out the same.
enum Allocations {
  private static let prefix = "allocations/"

  static func address(_ address: String) -> Key { Key("allocations/services/\(address)") }
  static func nodePort(_ port: Int, _ transport: String) -> Key {
    Key("allocations/nodeports/\(transport.lowercased())/\(port)")
  }

  static func owns(_ key: Key) -> Bool { key.hasPrefix(Key(prefix)) }

  static func clusterAddress(of service: JSONValue) -> String? {
    guard let address = service.at("spec", "clusterIP")?.stringValue, !address.isEmpty,
      address != "None"
    else { return nil }
    return address
  }

  /// What a Service holds.
  static func keys(of service: JSONValue) -> [Key] {
    var keys: [Key] = []
    if let address = clusterAddress(of: service) { keys.append(Self.address(address)) }
    for port in service.at("spec", "ports")?.arrayValue ?? [] {
      guard let number = port["nodePort"]?.intValue, number > 0, number <= 65535 else { continue }
      let key = nodePort(Int(number), port["protocol"]?.stringValue ?? "TCP")
      if !keys.contains(key) { keys.append(key) }
    }
    if let port = service.at("spec", "healthCheckNodePort")?.intValue, port > 0, port <= 65535 {
      let key = nodePort(Int(port), "tcp")
      if !keys.contains(key) { keys.append(key) }
    }
    return keys
  }

  static func taken(_ key: Key, object: JSONValue) -> APIStatus {
    let value = key.description.split(separator: "/").last.map(String.init) ?? ""
    let isPort = key.hasPrefix(Key("allocations/nodeports/"))
    let error =
      isPort
      ? FieldError(
        .invalid, "spec.ports[0].nodePort", value: .int(Int64(value) ?? 0),
        "provided port is already allocated")
      : FieldError(
        .invalid, "spec.clusterIPs", value: [.string(value)],
        "failed to allocate IP \(value): provided IP is already allocated")
    return APIStatus.invalid(kind: "Service", group: "", name: object.name, errors: [error])
  }
}

extension Registry.WritePlan {
  /// What the caller chose itself, as opposed to what is given out.
  func explicitAllocationKeys(old: JSONValue?) -> Set<Key> {
    Set(Allocations.keys(of: object)).subtracting(old.map { Allocations.keys(of: $0) } ?? [])
  }
}

extension Registry {
  /// Completes a Service with an address and node ports, and adds to the plan what takes them
  /// and what gives back those it had.
  func allocate(_ plan: inout WritePlan, old: JSONValue?, dryRun: Bool) throws(APIStatus) {
    let reader = store.current()
    let type = plan.object.at("spec", "type")?.stringValue ?? "ClusterIP"
    if type == "ExternalName" {
      for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        plan.object.set(nil, at: "spec", field)
      }
    } else {
      try allocateAddress(&plan, old: old, reader)
      if plan.object.at("spec", "ipFamilies") == nil {
        plan.object.set(["IPv4"], at: "spec", "ipFamilies")
      }
      if plan.object.at("spec", "ipFamilyPolicy") == nil {
        plan.object.set("SingleStack", at: "spec", "ipFamilyPolicy")
      }
    }
    if type == "NodePort" || type == "LoadBalancer" {
      try allocateNodePorts(&plan, old: old, type: type, reader)
    }
    let before = old.map { Allocations.keys(of: $0) } ?? []
    let after = Allocations.keys(of: plan.object)
    for key in after where !before.contains(key) {
      plan.compares.append(Compare(key: key, revision: 0))
      let owner = "\(plan.object.namespace)/\(plan.object.name)"
      plan.mutations.append(.put(key: key, value: Array(owner.utf8), revisionOffset: nil))
    }
    for key in before where !after.contains(key) && reader.get(key) != nil {
      plan.mutations.append(.delete(key: key))
    }
  }

  private func allocateAddress(
    _ plan: inout WritePlan, old: JSONValue?, _ reader: any KeyspaceReader
  ) throws(APIStatus) {
    let range = configuration.serviceRange
    var address = plan.object.at("spec", "clusterIP")?.stringValue ?? ""
    if address.isEmpty, let first = plan.object.at("spec", "clusterIPs")?[0]?.stringValue {
      address = first
    }
    if address.isEmpty {
      let start = Int.random(in: 1...range.usableCount)
      for step in 0..<range.usableCount {
        let candidate = range.address(at: (start + step - 1) % range.usableCount + 1)
        if reader.get(Allocations.address(candidate)) == nil {
          address = candidate
          break
        }
      }
      guard !address.isEmpty else {
        throw .internalError("failed to allocate a serviceIP: range is full")
      }
    } else if address != "None" {
      let known = old.flatMap { Allocations.clusterAddress(of: $0) }
      guard let number = AddressRange.address(address), range.contains(number) || known == address
      else {
        let error = FieldError(
          .invalid, "spec.clusterIPs", value: [.string(address)],
          "failed to allocate IP \(address): the provided network does not match the "
            + "current range")
        throw APIStatus.invalid(
          kind: "Service", group: "", name: plan.object.name, errors: [error])
      }
    }
    plan.object.set(.string(address), at: "spec", "clusterIP")
    plan.object.set([.string(address)], at: "spec", "clusterIPs")
  }

  private func allocateNodePorts(
    _ plan: inout WritePlan, old: JSONValue?, type: String, _ reader: any KeyspaceReader
  ) throws(APIStatus) {
    if type == "LoadBalancer",
      plan.object.at("spec", "allocateLoadBalancerNodePorts")?.boolValue == false
    {
      return
    }
    var ports = plan.object.at("spec", "ports")?.arrayValue ?? []
    var chosen: Set<Key> = Set(Allocations.keys(of: plan.object))
    let range = configuration.nodePorts
    for index in ports.indices {
      let transport = ports[index]["protocol"]?.stringValue ?? "TCP"
      if let port = ports[index]["nodePort"]?.intValue, port != 0 {
        let isKnown = old.map { Allocations.keys(of: $0) }?
          .contains(Allocations.nodePort(Int(clamping: port), transport))
        guard port > 0, port <= 65535, range.contains(Int(port)) || isKnown == true else {
          let error = FieldError(
            .invalid, "spec.ports[\(index)].nodePort", value: .int(port),
            "provided port is not in the valid range. The range of valid ports is "
              + "\(range.lowerBound)-\(range.upperBound)")
          throw APIStatus.invalid(
            kind: "Service", group: "", name: plan.object.name, errors: [error])
        }
        continue
      }
      let start = Int.random(in: 0..<range.count)
      var found: Int?
      for step in 0..<range.count {
        let port = range.lowerBound + (start + step) % range.count
        let key = Allocations.nodePort(port, transport)
        if !chosen.contains(key), reader.get(key) == nil {
          chosen.insert(key)
          found = port
          break
        }
      }
      guard let found else {
        throw .internalError("failed to allocate a nodePort: range is full")
      }
      ports[index]["nodePort"] = JSONValue(found)
    }
    plan.object.set(.array(ports), at: "spec", "ports")
  }
}
