import JSONDocument

extension TablePrinter {
  static let corePrinters: [String: Printer] = [
    "/Namespace": { row in
      [.string(row.name), .string(row.string("status", "phase")), .string(row.age)]
    },
    "/Node": nodeCells,
    "/ConfigMap": { row in
      [.string(row.name), .int(row.count("data") + row.count("binaryData")), .string(row.age)]
    },
    "/Secret": { row in
      [
        .string(row.name), .string(row.string("type")), .int(row.count("data")), .string(row.age),
      ]
    },
    "/ServiceAccount": { row in [.string(row.name), .string(row.age)] },
    "/Service": serviceCells,
    "/Endpoints": { row in
      var addresses: [String] = []
      for subset in row.list("subsets") {
        let ips = (subset["addresses"]?.arrayValue ?? []).compactMap { $0["ip"]?.stringValue }
        let ports = (subset["ports"]?.arrayValue ?? []).compactMap { $0["port"]?.intValue }
        if ports.isEmpty { addresses += ips }
        for port in ports {
          addresses += ips.map { $0.contains(":") ? "[\($0)]:\(port)" : "\($0):\(port)" }
        }
      }
      return [.string(row.name), few(addresses, empty: "<none>"), .string(row.age)]
    },
    "/Event": eventCells, "events.k8s.io/Event": eventCells,
    "/PodTemplate": { row in
      let containers = row.containers("template")
      return [
        .string(row.name), containers.names, containers.images,
        row.labels("template", "metadata", "labels"),
      ]
    },
    "/ReplicationController": { row in
      let containers = row.containers("spec", "template")
      return [
        .string(row.name), .int(row.int("spec", "replicas")), .int(row.int("status", "replicas")),
        .int(row.int("status", "readyReplicas")), .string(row.age), containers.names,
        containers.images, row.labels("spec", "selector"),
      ]
    },
    "/PersistentVolumeClaim": { row in
      let bound = !row.string("spec", "volumeName").isEmpty
      return [
        .string(row.name),
        .string(row.isBeingDeleted ? "Terminating" : row.string("status", "phase")),
        .string(row.string("spec", "volumeName")),
        .string(
          bound ? row.object.at("status", "capacity", "storage")?.stringValue ?? "0" : ""),
        bound ? accessModes(row.list("status", "accessModes")) : "",
        .string(row.string("spec", "storageClassName")),
        .string(unset(row.string("spec", "volumeAttributesClassName"))), .string(row.age),
        .string(unset(row.string("spec", "volumeMode"))),
      ]
    },
    "/PersistentVolume": { row in
      let claim = row.object.at("spec", "claimRef")
      let reference = claim.map {
        "\($0["namespace"]?.stringValue ?? "")/\($0["name"]?.stringValue ?? "")"
      }
      return [
        .string(row.name),
        .string(row.object.at("spec", "capacity", "storage")?.stringValue ?? "0"),
        accessModes(row.list("spec", "accessModes")),
        .string(row.string("spec", "persistentVolumeReclaimPolicy")),
        .string(row.isBeingDeleted ? "Terminating" : row.string("status", "phase")),
        .string(reference ?? ""), .string(row.string("spec", "storageClassName")),
        .string(unset(row.string("spec", "volumeAttributesClassName"))),
        .string(row.string("status", "reason")), .string(row.age),
        .string(unset(row.string("spec", "volumeMode"))),
      ]
    },
    "/ResourceQuota": { row in
      [
        .string(row.name), .string(quota(row, limits: false)), .string(quota(row, limits: true)),
        .string(row.age),
      ]
    },
  ]

  static func unset(_ text: String) -> String { text.isEmpty ? "<unset>" : text }

  /// `cpu: 1/2, pods: 0/5`, what is used of what is allowed.
  private static func quota(_ row: Row, limits: Bool) -> String {
    let hard = row.object.at("status", "hard")?.objectValue ?? [:]
    let used = row.object.at("status", "used")
    return hard.sorted { $0.0 < $1.0 }.filter { $0.0.hasPrefix("limits") == limits }
      .map { "\($0.0): \(used?[$0.0]?.stringValue ?? "0")/\($0.1.stringValue ?? "0")" }
      .joined(separator: ", ")
  }

  private static let nodeCells: Printer = { row in
    var status = "Unknown"
    if let ready = row.condition("Ready") {
      status = ready["status"] == "True" ? "Ready" : "NotReady"
    }
    if row.object.at("spec", "unschedulable") == true { status += ",SchedulingDisabled" }
    var roles: Set<String> = []
    for (key, value) in row.object.at("metadata", "labels")?.objectValue ?? [:] {
      let prefix = "node-role.kubernetes.io/"
      if key.hasPrefix(prefix), key.count > prefix.count {
        roles.insert(String(key.dropFirst(prefix.count)))
      } else if key == "kubernetes.io/role", let role = value.stringValue, !role.isEmpty {
        roles.insert(role)
      }
    }
    func address(_ type: String) -> JSONValue {
      orNone(
        row.list("status", "addresses").first { $0["type"]?.stringValue == type }?["address"]?
          .stringValue ?? "")
    }
    func info(_ key: String) -> String {
      let text = row.string("status", "nodeInfo", key)
      return text.isEmpty ? "<unknown>" : text
    }
    let architecture = row.string("status", "nodeInfo", "architecture")
    let kernel = info("kernelVersion")
    return [
      .string(row.name), .string(status), orNone(roles.sorted().joined(separator: ",")),
      .string(row.age), .string(row.string("status", "nodeInfo", "kubeletVersion")),
      address("InternalIP"), address("ExternalIP"), .string(info("osImage")),
      .string(
        architecture.isEmpty || kernel == "<unknown>" ? kernel : "\(kernel) (\(architecture))"),
      .string(info("containerRuntimeVersion")),
    ]
  }

  private static let serviceCells: Printer = { row in
    let type = row.string("spec", "type")
    var external = row.list("spec", "externalIPs").compactMap(\.stringValue)
    var pending = "<none>"
    if type == "LoadBalancer" {
      let balanced = row.list("status", "loadBalancer", "ingress").compactMap {
        $0["ip"]?.stringValue ?? $0["hostname"]?.stringValue
      }
      external = balanced + external
      pending = "<pending>"
    } else if type == "ExternalName" {
      external = [row.string("spec", "externalName")]
    }
    let ports = row.list("spec", "ports").map { port in
      let number = port["port"]?.intValue ?? 0
      let node = port["nodePort"]?.intValue ?? 0
      let transport = port["protocol"]?.stringValue ?? ""
      return node > 0 ? "\(number):\(node)/\(transport)" : "\(number)/\(transport)"
    }
    let address =
      row.list("spec", "clusterIPs").first?.stringValue ?? row.string("spec", "clusterIP")
    return [
      .string(row.name), .string(type), orNone(address),
      .string(external.isEmpty ? pending : external.joined(separator: ",")),
      orNone(ports.joined(separator: ",")), .string(row.age), row.labels("spec", "selector"),
    ]
  }

  /// Events come in two forms; see `FieldSelector`.
  private static let eventCells: Printer = { row in
    func time(_ keys: String...) -> String? {
      for key in keys {
        if let text = row.object[key]?.stringValue { return text }
      }
      return nil
    }
    let first = row.age(time("firstTimestamp", "deprecatedFirstTimestamp", "eventTime") ?? "")
    var last = time("lastTimestamp", "deprecatedLastTimestamp").map { row.age($0) } ?? first
    var count = row.object["count"]?.intValue ?? row.object["deprecatedCount"]?.intValue ?? 0
    if let series = row.object["series"], !series.isNull {
      last = row.age(series["lastObservedTime"]?.stringValue ?? "")
      count = series["count"]?.intValue ?? 0
    } else if count == 0 {
      count = 1
    }
    let reference = row.object["involvedObject"] ?? row.object["regarding"]
    let kind = (reference?["kind"]?.stringValue ?? "").lowercased()
    let name = reference?["name"]?.stringValue ?? ""
    let source = row.object["source"] ?? row.object["deprecatedSource"]
    func either(_ first: String?, _ keys: String...) -> String {
      if let first, !first.isEmpty { return first }
      return keys.lazy.compactMap { row.object[$0]?.stringValue }.first ?? ""
    }
    let component = either(
      source?["component"]?.stringValue, "reportingComponent", "reportingController")
    let instance = either(source?["host"]?.stringValue, "reportingInstance")
    var message = (row.object["message"] ?? row.object["note"])?.stringValue ?? ""
    while let end = message.last, end.isWhitespace { message.removeLast() }
    return [
      .string(last), .string(row.string("type")), .string(row.string("reason")),
      .string(name.isEmpty ? kind : "\(kind)/\(name)"),
      .string(reference?["fieldPath"]?.stringValue ?? ""),
      .string(instance.isEmpty ? component : "\(component), \(instance)"), .string(message),
      .string(first), .int(count), .string(row.name),
    ]
  }
}
