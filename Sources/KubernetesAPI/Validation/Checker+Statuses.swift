import JSONDocument

/// Statuses that controllers write.
extension Validation.Checker {
  /// Counts of replicas: none negative, and none of `parts` above `status.replicas`.
  mutating func replicaCounts(_ names: [String], parts: [String]) {
    statusCounts(["replicas"] + names)
    let total = value("status.replicas")?.intValue ?? 0
    for name in parts {
      guard let count = value("status.\(name)")?.intValue, count > total else { continue }
      add(
        .invalid(
          "status.\(name)", .int(count), "cannot be greater than status.replicas"))
    }
    if parts.contains("readyReplicas"), parts.contains("availableReplicas"),
      let available = value("status.availableReplicas")?.intValue,
      available > value("status.readyReplicas")?.intValue ?? 0
    {
      add(
        .invalid(
          "status.availableReplicas", .int(available),
          "cannot be greater than readyReplicas"))
    }
  }

  mutating func deploymentStatus() {
    notNegative(value("status.observedGeneration"), "status.observedGeneration")
    replicaCounts(
      ["updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"],
      parts: ["updatedReplicas", "readyReplicas", "availableReplicas"])
    notNegative(value("status.collisionCount"), "status.collisionCount")
  }

  mutating func namespaceStatus() {
    let isDeleted = value("metadata.deletionTimestamp")?.stringValue != nil
    let phase = value("status.phase")?.stringValue ?? ""
    if isDeleted ? phase != "Terminating" : phase != "Active" {
      add(
        .invalid(
          "status.Phase", .string(phase),
          isDeleted
            ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
            : "may only be 'Active' if `deletionTimestamp` is empty"))
    }
  }

  /// The addresses that a load balancer gives a Service or an Ingress.
  mutating func loadBalancerStatus() {
    for (index, entry) in (value("status.loadBalancer.ingress")?.arrayValue ?? []).enumerated() {
      let field = "status.loadBalancer.ingress[\(index)]"
      if let ip = entry["ip"]?.stringValue, !ip.isEmpty { address(.string(ip), "\(field).ip") }
      if resource.kind == "Service" {
        let hasAddress = !(entry["ip"]?.stringValue ?? "").isEmpty
        if let mode = entry["ipMode"], !hasAddress {
          add(
            .forbidden("\(field).ipMode", "may not be specified when `ip` is not set"))
          _ = mode
        } else {
          oneOf(entry["ipMode"], "\(field).ipMode", ["VIP", "Proxy"])
        }
      }
      guard let host = entry["hostname"]?.stringValue, !host.isEmpty else { continue }
      add(NameRules.dns1123Subdomain(host), "\(field).hostname", .string(host))
      if IPAddress(host) != nil {
        add(
          .invalid("\(field).hostname", .string(host), "must be a DNS name, not an IP address"))
      }
    }
  }

  mutating func autoscalerStatus() {
    statusCounts(["currentReplicas", "desiredReplicas"])
  }

  /// Conditions of the common form.
  mutating func conditions(_ field: String = "status.conditions") {
    var types: Set<String> = []
    for (index, condition) in (value(field)?.arrayValue ?? []).enumerated() {
      let place = "\(field)[\(index)]"
      let type = condition["type"]?.stringValue ?? ""
      if required(.string(type), "\(place).type") {
        add(NameRules.qualifiedName(type), "\(place).type", .string(type))
      }
      if !types.insert(type).inserted { add(.duplicate("\(place).type", .string(type))) }
      oneOf(condition["status"] ?? "", "\(place).status", ["True", "False", "Unknown"])
      if let generation = condition["observedGeneration"]?.intValue {
        notNegative(.int(generation), "\(place).observedGeneration")
      }
      required(condition["lastTransitionTime"], "\(place).lastTransitionTime")
      let reason = condition["reason"]?.stringValue ?? ""
      if required(.string(reason), "\(place).reason") {
        let first = reason.utf8.first ?? 0
        let allowed =
          NameRules.isAlphanumeric(first)
          && !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
          && reason.utf8.allSatisfy { NameRules.isAlphanumeric($0) || "_,:".utf8.contains($0) }
        if !allowed || reason.hasSuffix(",") || reason.hasSuffix(":") {
          add(
            .invalid(
              "\(place).reason", .string(reason),
              "a condition reason must start with alphabetic character, optionally followed by a "
                + "string of alphanumeric characters or '_,:', and must end with an alphanumeric "
                + "character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or "
                + "'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
                + "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"))
        }
        if reason.utf8.count > 1024 {
          add(FieldError(.tooLong, "\(place).reason", "may not be more than 1024 bytes"))
        }
      }
      if let message = condition["message"]?.stringValue, message.utf8.count > 32_768 {
        add(FieldError(.tooLong, "\(place).message", "may not be more than 32768 bytes"))
      }
    }
  }

  /// Flow control's conditions need only be of different types.
  mutating func uniqueConditions() {
    var types: Set<String> = []
    for (index, condition) in (value("status.conditions")?.arrayValue ?? []).enumerated() {
      let type = condition["type"]?.stringValue ?? ""
      let place = "status.conditions[\(index)].type"
      if type.isEmpty {
        add(.required(place))
      } else if !types.insert(type).inserted {
        add(.duplicate(place, .string(type)))
      }
    }
  }
}
