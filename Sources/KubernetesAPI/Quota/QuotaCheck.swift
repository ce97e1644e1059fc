import JSONDocument

/// Whether a quota has room for a change, and what it says then. Pure.
public enum QuotaCheck {
  /// A change of one object; `old` is nil for a new one.
  public struct Demand: Sendable {
    public var resource: GroupVersionResource
    public var new: JSONValue
    public var old: JSONValue?
    /// Whether containers must say what they need: on create and on resize.
    public var checksConstraints: Bool
    public var nowSeconds: Int64

    public init(
      resource: GroupVersionResource, new: JSONValue, old: JSONValue?, checksConstraints: Bool,
      nowSeconds: Int64
    ) {
      self.resource = resource
      self.new = new
      self.old = old
      self.checksConstraints = checksConstraints
      self.nowSeconds = nowSeconds
    }
  }

  public enum Outcome: Sendable, Hashable {
    /// The quota is not about this.
    case unconcerned
    /// The quota has not counted yet: whoever counts must notice this change.
    case uncounted
    /// What is used after the change, by name, of what changes.
    case used([String: Quantity])
    /// What upstream says.
    case refused(String)
  }

  public static func evaluate(quota: JSONValue, _ demand: Demand) -> Outcome {
    let spec = quota["spec"]
    let name = quota.at("metadata", "name")?.stringValue ?? ""
    let matchesNew = QuotaScopes.match(quota: spec, object: demand.new, demand.resource)
    let matchesOld =
      demand.old.map { QuotaScopes.match(quota: spec, object: $0, demand.resource) } ?? false
    guard matchesNew || matchesOld else { return .unconcerned }
    let hard = PodResources.amounts(quota.at("status", "hard"))
    let used = PodResources.amounts(quota.at("status", "used"))
    let names = hard.keys.filter { QuotaUsage.tracks($0, demand.resource) }.sorted()
    let isUncounted = (spec?["hard"]?.objectValue ?? [:]).contains {
      QuotaUsage.tracks($0.0, demand.resource) && hard[$0.0] == nil
    }
    if names.isEmpty { return isUncounted ? .uncounted : .unconcerned }
    let usage =
      matchesNew
      ? QuotaUsage.of(demand.new, demand.resource, nowSeconds: demand.nowSeconds) : [:]
    var change: [String: Quantity] = [:]
    for name in names { change[name] = usage[name] }
    if matchesOld, let old = demand.old {
      let before = QuotaUsage.of(old, demand.resource, nowSeconds: demand.nowSeconds)
      for name in names {
        guard let amount = before[name] else { continue }
        change[name] = (change[name] ?? Quantity(0, format: amount.format)) - amount
      }
    }
    if matchesNew, demand.checksConstraints, demand.resource == .pods {
      let missing = missingAmounts(demand.new, names: names)
      if !missing.isEmpty { return .refused("failed quota: \(name): must specify \(missing)") }
    }
    change = change.filter { !$0.value.isZero }
    if change.isEmpty { return isUncounted ? .uncounted : .unconcerned }
    let unknown = names.filter { used[$0] == nil }
    if !unknown.isEmpty {
      return .refused(
        "status unknown for quota: \(name), resources: \(unknown.joined(separator: ","))")
    }
    var after: [String: Quantity] = [:]
    var exceeded: [String] = []
    for (name, amount) in change {
      let total = (used[name] ?? .zero) + amount
      after[name] = total.isNegative ? .zero : total
      if !amount.isNegative, let limit = hard[name], limit < total { exceeded.append(name) }
    }
    guard exceeded.isEmpty else {
      func list(_ amounts: [String: Quantity]) -> String {
        exceeded.sorted().map { "\($0)=\(amounts[$0] ?? .zero)" }.joined(separator: ",")
      }
      return .refused(
        "exceeded quota: \(name), requested: \(list(change)), used: \(list(used)), "
          + "limited: \(list(hard))")
    }
    return .used(after)
  }

  private static let constrained: Set<String> = [
    "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory",
  ]

  /// The amounts that a quota needs and that containers don't say.
  static func missingAmounts(_ pod: JSONValue, names: [String]) -> String {
    var parts: [String] = []
    for name in names where constrained.contains(name) {
      let side = name.hasPrefix("limits.") ? "limits" : "requests"
      let plain = name.split(separator: ".").last.map(String.init) ?? name
      if pod.at("spec", "resources", side, plain) != nil { continue }
      var containers: Set<String> = []
      for list in ["containers", "initContainers"] {
        for container in pod.at("spec", list)?.arrayValue ?? []
        where container.at("resources", side, plain) == nil {
          containers.insert(container["name"]?.stringValue ?? "")
        }
      }
      if !containers.isEmpty {
        parts.append("\(name) for: \(containers.sorted().joined(separator: ","))")
      }
    }
    return parts.joined(separator: "; ")
  }

  /// What a quota says is used when its namespace holds `objects`, of everything it counts.
  public static func count(
    quota: JSONValue, objects: [(resource: GroupVersionResource, objects: [JSONValue])],
    nowSeconds: Int64
  ) -> [String: Quantity] {
    let spec = quota["spec"]
    let hard = PodResources.amounts(spec?["hard"])
    var total: [String: Quantity] = [:]
    for (resource, objects) in objects {
      let names = hard.keys.filter { QuotaUsage.tracks($0, resource) }
      guard !names.isEmpty else { continue }
      for name in names where total[name] == nil { total[name] = .zero }
      for object in objects
      where QuotaScopes.match(quota: spec, object: object, resource) {
        let usage = QuotaUsage.of(object, resource, nowSeconds: nowSeconds)
        for name in names {
          if let amount = usage[name] { total[name] = (total[name] ?? .zero) + amount }
        }
      }
    }
    return total
  }
}
