import JSONDocument

extension NodeNetworkPlan {
  /// What on this machine stands in the plan's way: routes of others into its ranges.
  ///
  /// - Parameter routes: what `ip -json route show` printed.
  /// - Returns: a sentence per conflict; empty when the ranges are free.
  public func conflicts(routes: JSONValue) -> [String] {
    let own: [(String, IPv4Network)] = [
      ("node network", nodeNetwork), ("pod range", podRange), ("service range", serviceRange),
    ]
    var found: [String] = []
    for route in routes.arrayValue ?? [] {
      guard let destination = route["dst"]?.stringValue, destination != "default" else { continue }
      let device = route["dev"]?.stringValue ?? route["type"]?.stringValue ?? "?"
      if device == bridge { continue }
      let metric = route["metric"]?.intValue
      let text = destination.contains("/") ? destination : "\(destination)/32"
      guard let network = IPv4Network(text) else { continue }
      for (name, range) in own where range.overlaps(network) {
        // The plan's own, left from a run before.
        if device == "blackhole", metric == Int64(Self.blackholeMetric), network == range {
          continue
        }
        found.append(
          "the \(name) \(range) overlaps the route to \(destination) (\(device)): "
            + "choose another \(name)")
      }
    }
    for (index, first) in own.enumerated() {
      for second in own[(index + 1)...] where first.1.overlaps(second.1) {
        found.append("the \(first.0) \(first.1) overlaps the \(second.0) \(second.1)")
      }
    }
    return found
  }
}
