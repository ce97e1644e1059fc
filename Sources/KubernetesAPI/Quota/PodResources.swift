import JSONDocument

/// What a pod asks for and may take, as a whole.
public enum PodResources {
  public enum Side: String, Sendable { case requests, limits }

  /// The largest amount that is needed at one time: of the containers and sidecars together, or of
  /// an init container beside the sidecars started before it; or what the pod says as a whole.
  /// The overhead of its runtime class comes on top.
  public static func total(of pod: JSONValue, _ side: Side) -> [String: Quantity] {
    let spec = pod["spec"]
    var total: [String: Quantity] = [:]
    for container in spec?["containers"]?.arrayValue ?? [] {
      add(amounts(container.at("resources", side.rawValue)), to: &total)
    }
    var sidecars: [String: Quantity] = [:]
    var peaks: [String: Quantity] = [:]
    for container in spec?["initContainers"]?.arrayValue ?? [] {
      let own = amounts(container.at("resources", side.rawValue))
      if container["restartPolicy"]?.stringValue == "Always" {
        add(own, to: &sidecars)
        add(own, to: &total)
        raise(&peaks, to: sidecars)
      } else {
        var peak = sidecars
        add(own, to: &peak)
        raise(&peaks, to: peak)
      }
    }
    raise(&total, to: peaks)
    for (name, amount) in amounts(spec?.at("resources", side.rawValue)) { total[name] = amount }
    for (name, amount) in amounts(spec?["overhead"]) {
      // A pod without a limit has none with its overhead either.
      if side == .limits, total[name].map(\.isZero) ?? true { continue }
      total[name] = total[name].map { $0 + amount } ?? amount
    }
    return total
  }

  public static func amounts(_ list: JSONValue?) -> [String: Quantity] {
    var result: [String: Quantity] = [:]
    for (name, value) in list?.objectValue ?? [:] {
      if let amount = Quantity(parsing: value.stringValue ?? value.text) { result[name] = amount }
    }
    return result
  }

  private static func add(_ amounts: [String: Quantity], to total: inout [String: Quantity]) {
    for (name, amount) in amounts { total[name] = total[name].map { $0 + amount } ?? amount }
  }

  private static func raise(_ total: inout [String: Quantity], to other: [String: Quantity]) {
    for (name, amount) in other where total[name].map({ $0 < amount }) ?? true {
      total[name] = amount
    }
  }
}
