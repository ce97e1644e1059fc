import JSONDocument
import Keyspace
import KubernetesAPI

/// Addresses and ports that Services are given. Each one in use is a key of the store, written in
/// the transaction that writes the Service, so that no two servers give out the same.
enum Allocations {
  private static let prefix = "allocations/"

  static func address(_ address: String) -> Key { Key("allocations/services/\(address)") }
  /// One port, whatever its protocol: only one Service may have both.
  static func nodePort(_ port: Int) -> Key { Key("allocations/nodeports/\(port)") }

  /// The address that a key gives out; nil for ports.
  static func address(in key: Key) -> String? {
    let prefix = "allocations/services/"
    let text = "\(key)"
    return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
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
      let key = nodePort(Int(number))
      if !keys.contains(key) { keys.append(key) }
    }
    if let port = service.at("spec", "healthCheckNodePort")?.intValue, port > 0, port <= 65535 {
      let key = nodePort(Int(port))
      if !keys.contains(key) { keys.append(key) }
    }
    return keys
  }

  private static func place(of port: Int64, in service: JSONValue) -> String {
    let ports = service.at("spec", "ports")?.arrayValue ?? []
    guard let index = ports.firstIndex(where: { $0["nodePort"]?.intValue == port }) else {
      return "spec.healthCheckNodePort"
    }
    return "spec.ports[\(index)].nodePort"
  }

  static func taken(_ key: Key, object: JSONValue) -> APIStatus {
    let value = key.description.split(separator: "/").last.map(String.init) ?? ""
    let isPort = key.hasPrefix(Key("allocations/nodeports/"))
    let error =
      isPort
      ? FieldError(
        .invalid, place(of: Int64(value) ?? 0, in: object), value: .int(Int64(value) ?? 0),
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
      if let address = Allocations.address(in: key) { try addAddressObject(address, to: &plan) }
    }
    for key in before where !after.contains(key) && reader.get(key) != nil {
      plan.mutations.append(.delete(key: key))
      guard let address = Allocations.address(in: key) else { continue }
      let object = addressObjectKey(address)
      if reader.get(object) != nil { plan.mutations.append(.delete(key: object)) }
    }
  }

  private static let addresses = GroupVersionResource(
    group: "networking.k8s.io", resource: "ipaddresses")

  /// Where the IPAddress of an address is kept.
  func addressObjectKey(_ address: String) -> Key {
    Key(resource: "ipaddresses", group: "networking.k8s.io", namespace: "", name: address)
  }

  /// The allocation that an IPAddress's key stands for; nil for the key of anything else.
  func addressObject(of key: Key) -> Key? {
    let prefix = "\(addressObjectKey(""))"
    let text = "\(key)"
    guard text.hasPrefix(prefix) else { return nil }
    return Allocations.address(String(text.dropFirst(prefix.count)))
  }

  /// An address in use is an IPAddress too, written together with what it belongs to.
  private func addAddressObject(_ address: String, to plan: inout WritePlan) throws(APIStatus) {
    let info = try resource(Self.addresses)
    var object: JSONValue = [
      "kind": "IPAddress", "apiVersion": .string(info.gvr.apiVersion),
      "metadata": [
        "name": .string(address), "uid": .string(Identifier.uuid()), "generation": 1,
        "creationTimestamp": .string(WallClock.now()),
        "labels": [
          "ipaddress.kubernetes.io/ip-family": "IPv4",
          "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
        ],
      ],
      "spec": [
        "parentRef": [
          "resource": "services", "namespace": .string(plan.object.namespace),
          "name": .string(plan.object.name),
        ]
      ],
    ]
    if !info.tracksGeneration { object.set(nil, at: "metadata", "generation") }
    let encoded = ObjectCodec.encode(object)
    let key = addressObjectKey(address)
    plan.compares.append(Compare(key: key, revision: 0))
    plan.mutations.append(
      .put(key: key, value: encoded.bytes, revisionOffset: encoded.revisionOffset))
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
        if reader.get(Allocations.address(candidate)) == nil,
          reader.get(addressObjectKey(candidate)) == nil
        {
          address = candidate
          break
        }
      }
      guard !address.isEmpty else {
        throw .internalError("failed to allocate a serviceIP: range is full")
      }
    } else if address != "None" {
      let known = old.flatMap { Allocations.clusterAddress(of: $0) }
      guard let number = AddressRange.address(address), range.isUsable(number) || known == address
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
    var given: Set<String> = []
    var chosen: Set<Key> = Set(Allocations.keys(of: plan.object))
    let range = configuration.nodePorts
    for index in ports.indices {
      let transport = ports[index]["protocol"]?.stringValue ?? "TCP"
      if let port = ports[index]["nodePort"]?.intValue, port != 0,
        !given.insert("\(transport)/\(port)").inserted
      {
        let error = FieldError(
          .invalid, "spec.ports[\(index)].nodePort", value: .int(port),
          "provided port is already allocated")
        throw APIStatus.invalid(
          kind: "Service", group: "", name: plan.object.name, errors: [error])
      }
      if let port = ports[index]["nodePort"]?.intValue, port != 0 {
        let isKnown = old.map { Allocations.keys(of: $0) }?
          .contains(Allocations.nodePort(Int(clamping: port)))
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
        let key = Allocations.nodePort(port)
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
