import JSONDocument

extension TablePrinter {
  static let networkPrinters: [String: Printer] = [
    "discovery.k8s.io/EndpointSlice": { row in
      let ports = row.list("ports").map { $0["port"]?.intValue.map(String.init) ?? "*" }
      let addresses = row.list("endpoints").flatMap {
        ($0["addresses"]?.arrayValue ?? []).compactMap(\.stringValue)
      }
      return [
        .string(row.name), .string(row.string("addressType")), few(ports, empty: "<unset>"),
        few(addresses, empty: "<unset>"), .string(row.age),
      ]
    },
    "networking.k8s.io/Ingress": { row in
      let rules = row.list("spec", "rules")
      let hosts = rules.compactMap { $0["host"]?.stringValue }.filter { !$0.isEmpty }
      let addresses = row.list("status", "loadBalancer", "ingress").compactMap {
        $0["ip"]?.stringValue ?? $0["hostname"]?.stringValue
      }
      let shown = hosts.prefix(3).joined(separator: ",")
      return [
        .string(row.name), orNone(row.string("spec", "ingressClassName")),
        .string(
          hosts.isEmpty
            ? "*" : hosts.count > 3 ? "\(shown) + \(hosts.count - 3) more..." : shown),
        .string(addresses.joined(separator: ",")),
        row.list("spec", "tls").isEmpty ? "80" : "80, 443", .string(row.age),
      ]
    },
    "networking.k8s.io/IngressClass": { row in
      var parameters = "<none>"
      if let reference = row.object.at("spec", "parameters") {
        let kind = reference["kind"]?.stringValue ?? ""
        let group = reference["apiGroup"]?.stringValue.map { ".\($0)" } ?? ""
        parameters = "\(kind)\(group)/\(reference["name"]?.stringValue ?? "")"
      }
      return [
        .string(row.name), .string(row.string("spec", "controller")), .string(parameters),
        .string(row.age),
      ]
    },
    "networking.k8s.io/NetworkPolicy": { row in
      [.string(row.name), row.selector("spec", "podSelector"), .string(row.age)]
    },
    "networking.k8s.io/ServiceCIDR": { row in
      [
        .string(row.name),
        .string(row.list("spec", "cidrs").compactMap(\.stringValue).joined(separator: ",")),
        .string(row.age),
      ]
    },
    "networking.k8s.io/IPAddress": { row in
      let parent = row.object.at("spec", "parentRef")
      let resource = [parent?["resource"]?.stringValue, parent?["group"]?.stringValue]
        .compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ".")
      let parts = [resource, parent?["namespace"]?.stringValue, parent?["name"]?.stringValue]
      return [
        .string(row.name),
        .string(parts.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: "/")),
        .string(row.age),
      ]
    },
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy": { row in
      let kind = row.object.at("spec", "paramKind")
      let parameters =
        kind.map { "\($0["apiVersion"]?.stringValue ?? "")/\($0["kind"]?.stringValue ?? "")" }
      return [
        .string(row.name), JSONValue(row.list("spec", "validations").count),
        .string(parameters ?? "<unset>"), .string(row.age),
      ]
    },
    "policy/PodDisruptionBudget": { row in
      func amount(_ key: String) -> JSONValue {
        .string(IntOrString(row.object.at("spec", key))?.description ?? "N/A")
      }
      return [
        .string(row.name), amount("minAvailable"), amount("maxUnavailable"),
        .int(row.int("status", "disruptionsAllowed")), .string(row.age),
      ]
    },
  ]

  private static let bindingCells: Printer = { row in
    func subjects(_ kind: String) -> JSONValue {
      let names = row.list("subjects").filter { $0["kind"]?.stringValue == kind }.map { subject in
        let name = subject["name"]?.stringValue ?? ""
        guard kind == "ServiceAccount" else { return name }
        return "\(subject["namespace"]?.stringValue ?? "")/\(name)"
      }
      return .string(names.joined(separator: ", "))
    }
    return [
      .string(row.name),
      .string("\(row.string("roleRef", "kind"))/\(row.string("roleRef", "name"))"),
      .string(row.age), subjects("User"), subjects("Group"), subjects("ServiceAccount"),
    ]
  }

  static let otherPrinters: [String: Printer] = [
    "rbac.authorization.k8s.io/RoleBinding": bindingCells,
    "rbac.authorization.k8s.io/ClusterRoleBinding": bindingCells,
    "coordination.k8s.io/Lease": { row in
      [.string(row.name), .string(row.string("spec", "holderIdentity")), .string(row.age)]
    },
    "scheduling.k8s.io/PriorityClass": { row in
      [
        .string(row.name), .int(row.int("value")), .bool(row.object["globalDefault"] == true),
        .string(row.age), .string(row.string("preemptionPolicy")),
      ]
    },
    "certificates.k8s.io/CertificateSigningRequest": { row in
      let types = Set(row.list("status", "conditions").compactMap { $0["type"]?.stringValue })
      var state =
        types.contains("Denied") ? "Denied" : types.contains("Approved") ? "Approved" : "Pending"
      if types.contains("Failed") { state += ",Failed" }
      if !row.string("status", "certificate").isEmpty { state += ",Issued" }
      let seconds = row.object.at("spec", "expirationSeconds")?.intValue
      return [
        .string(row.name), .string(row.age), .string(row.string("spec", "signerName")),
        .string(row.string("spec", "username")),
        .string(seconds.map { HumanDuration.text(milliseconds: $0 * 1000) } ?? "<none>"),
        .string(state),
      ]
    },
    "resource.k8s.io/ResourceClaim": { row in
      var states = row.isBeingDeleted ? ["deleted"] : []
      if row.object.at("status", "allocation") == nil {
        if !row.isBeingDeleted { states.append("pending") }
      } else {
        states.append("allocated")
        if row.count("status", "reservedFor") > 0 { states.append("reserved") }
      }
      return [.string(row.name), .string(states.joined(separator: ",")), .string(row.age)]
    },
    "flowcontrol.apiserver.k8s.io/FlowSchema": { row in
      [
        .string(row.name), .string(row.string("spec", "priorityLevelConfiguration", "name")),
        .int(row.int("spec", "matchingPrecedence")),
        orNone(row.string("spec", "distinguisherMethod", "type")), .string(row.age),
        .string(row.condition("Dangling")?["status"]?.stringValue ?? "?"),
      ]
    },
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": { row in
      func number(_ path: String...) -> JSONValue { row.object.at(path: path) ?? "<none>" }
      let isExempt = row.string("spec", "type") == "Exempt"
      return [
        .string(row.name), .string(row.string("spec", "type")),
        number("spec", isExempt ? "exempt" : "limited", "nominalConcurrencyShares"),
        number("spec", "limited", "limitResponse", "queuing", "queues"),
        number("spec", "limited", "limitResponse", "queuing", "handSize"),
        number("spec", "limited", "limitResponse", "queuing", "queueLengthLimit"),
        .string(row.age),
      ]
    },
    "node.k8s.io/RuntimeClass": { row in
      [.string(row.name), .string(row.string("handler")), .string(row.age)]
    },
    "storage.k8s.io/StorageClass": { row in
      let isDefault =
        row.object.at("metadata", "annotations", "storageclass.kubernetes.io/is-default-class")
        == "true"
      return [
        .string(isDefault ? "\(row.name) (default)" : row.name),
        .string(row.string("provisioner")), .string(row.string("reclaimPolicy")),
        .string(row.string("volumeBindingMode")),
        .bool(row.object["allowVolumeExpansion"] == true), .string(row.age),
      ]
    },
    "storage.k8s.io/CSIDriver": { row in
      func flag(_ key: String) -> JSONValue { row.object.at("spec", key) ?? false }
      let requests = row.list("spec", "tokenRequests").compactMap { $0["audience"]?.stringValue }
      let modes = row.list("spec", "volumeLifecycleModes").compactMap(\.stringValue)
      return [
        .string(row.name), flag("attachRequired"), flag("podInfoOnMount"),
        flag("storageCapacity"),
        .string(requests.isEmpty ? "<unset>" : requests.joined(separator: ",")),
        flag("requiresRepublish"), orNone(modes.joined(separator: ",")), .string(row.age),
      ]
    },
    "storage.k8s.io/CSINode": { row in
      [.string(row.name), .int(row.count("spec", "drivers")), .string(row.age)]
    },
    "storage.k8s.io/VolumeAttachment": { row in
      [
        .string(row.name), .string(row.string("spec", "attacher")),
        .string(row.string("spec", "source", "persistentVolumeName")),
        .string(row.string("spec", "nodeName")),
        .bool(row.object.at("status", "attached") == true), .string(row.age),
      ]
    },
    "storage.k8s.io/VolumeAttributesClass": { row in
      [.string(row.name), .string(row.string("driverName")), .string(row.age)]
    },
    "autoscaling/Scale": { row in
      [
        .string(row.name), .int(row.int("spec", "replicas")), .int(row.int("status", "replicas")),
        .string(row.age),
      ]
    },
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration": webhookCells,
    "admissionregistration.k8s.io/MutatingWebhookConfiguration": webhookCells,
    "apiregistration.k8s.io/APIService": { row in
      var service = "Local"
      if let reference = row.object.at("spec", "service") {
        service =
          "\(reference["namespace"]?.stringValue ?? "")/\(reference["name"]?.stringValue ?? "")"
      }
      let available = row.condition("Available")
      var status = available?["status"]?.stringValue ?? "Unknown"
      if status != "True", let reason = available?["reason"]?.stringValue, !reason.isEmpty {
        status += " (\(reason))"
      }
      return [.string(row.name), .string(service), .string(status), .string(row.age)]
    },
    "resource.k8s.io/ResourceSlice": { row in
      [
        .string(row.name), .string(row.string("spec", "nodeName")),
        .string(row.string("spec", "driver")), .string(row.string("spec", "pool", "name")),
        .string(row.age),
      ]
    },
  ]

  private static let webhookCells: Printer = { row in
    [.string(row.name), .int(row.count("webhooks")), .string(row.age)]
  }
}
