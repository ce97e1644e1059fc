import JSONDocument

extension Validation.Checker {
  private static let limitTypes = ["Pod", "Container", "PersistentVolumeClaim"]

  mutating func limitRange() {
    var types: Set<String> = []
    for (index, limit) in (value("spec.limits")?.arrayValue ?? []).enumerated() {
      let field = "spec.limits[\(index)]"
      let type = limit["type"]?.stringValue ?? ""
      add(NameRules.qualifiedName(type), "\(field).type", .string(type))
      if !type.contains("/"), !Self.limitTypes.contains(type) {
        add(
          .invalid(
            "\(field).type", .string(type), "must be a standard limit type or fully qualified"))
      }
      if !types.insert(type).inserted { add(.duplicate("\(field).type", .string(type))) }
      for list in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
        let amounts = limit[list]?.objectValue ?? [:]
        if type == "Pod", list.hasPrefix("default") {
          if !amounts.isEmpty {
            add(
              .forbidden("\(field).\(list)", "may not be specified when `type` is 'Pod'"))
          }
          continue
        }
        for name in amounts.keys {
          limitedResource(
            name, "\(field).\(list)[\(name)]", isOfContainers: type == "Pod" || type == "Container")
        }
      }
      if type == "PersistentVolumeClaim", limit.at("min", "storage") == nil,
        limit.at("max", "storage") == nil
      {
        add(
          .required(
            "\(field).limits",
            "either minimum or maximum storage value is required, but neither was provided"))
      }
      limitAmounts(limit, field)
    }
  }

  private mutating func limitedResource(_ name: String, _ field: String, isOfContainers: Bool) {
    add(NameRules.qualifiedName(name), field, .string(name))
    let isOfContainer =
      ["cpu", "memory", "ephemeral-storage"].contains(name) || name.hasPrefix("hugepages-")
    guard !name.contains("/"), !isOfContainer else { return }
    if name != "storage" {
      add(
        .invalid(field, .string(name), "must be a standard resource type or fully qualified"))
    }
    if isOfContainers {
      add(.invalid(field, .string(name), "must be a standard resource for containers"))
    }
  }

  /// The amounts of one resource must leave room for each other.
  private mutating func limitAmounts(_ limit: JSONValue, _ field: String) {
    func amounts(_ list: String) -> [String: Quantity] { PodResources.amounts(limit[list]) }
    let (least, most) = (amounts("min"), amounts("max"))
    let (limits, requests) = (amounts("default"), amounts("defaultRequest"))
    let ratios = amounts("maxLimitRequestRatio")
    let names = Set(least.keys).union(most.keys).union(limits.keys).union(requests.keys)
      .union(ratios.keys)
    for name in names.sorted() {
      func inOrder(
        _ low: Quantity?, _ lowName: String, _ high: Quantity?, _ highName: String, at list: String
      ) {
        guard let low, let high, low > high else { return }
        add(
          .invalid(
            "\(field).\(list)[\(name)]", limit[list]?[name],
            "\(lowName) value \(low) is greater than \(highName) value \(high)"))
      }
      inOrder(least[name], "min", most[name], "max", at: "min")
      inOrder(least[name], "min", requests[name], "default request", at: "defaultRequest")
      inOrder(requests[name], "default request", most[name], "max", at: "defaultRequest")
      inOrder(
        requests[name], "default request", limits[name], "default limit", at: "defaultRequest")
      inOrder(least[name], "min", limits[name], "default", at: "default")
      inOrder(limits[name], "default", most[name], "max", at: "default")
      if let limited = limits[name], let request = requests[name], limited != request,
        name.contains("/") || name.hasPrefix("hugepages-")
      {
        add(
          .invalid(
            "\(field).defaultRequest[\(name)]", limit["defaultRequest"]?[name],
            "default value \(limited) must equal to defaultRequest value \(request) in \(name)"))
      }
      guard let ratio = ratios[name] else { continue }
      let place = "\(field).maxLimitRequestRatio[\(name)]"
      let shown = limit["maxLimitRequestRatio"]?[name]
      if ratio < Quantity(1) { add(.invalid(place, shown, "ratio \(ratio) is less than 1")) }
      if let low = least[name], let high = most[name] {
        let most = high.doubleValue / low.doubleValue
        if ratio.doubleValue > most {
          add(.invalid(place, shown, "ratio \(ratio) is greater than max/min = \(most)"))
        }
      }
    }
  }

  mutating func controllerRevision() {
    required(object["data"], "data", "data is mandatory")
    notNegative(object["revision"], "revision")
  }
}
