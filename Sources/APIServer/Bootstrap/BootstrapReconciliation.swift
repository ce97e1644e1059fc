import JSONDocument

/// What becomes of a bootstrap role or binding that is there already. Pure.
enum BootstrapReconciliation {
  enum Change: Sendable, Hashable {
    case none
    case update(JSONValue)
    case replace
  }

  /// What was added stays, what is missing comes back; objects whose annotation says so are left
  /// alone.
  static func change(of present: JSONValue, to wanted: JSONValue) -> Change {
    guard present.annotations[BootstrapPolicy.autoupdate] != "false" else { return .none }
    if wanted["roleRef"] != nil {
      guard present["roleRef"] == wanted["roleRef"] else { return .replace }
    }
    var mended = present
    for (path, names) in [("labels", wanted.labels), ("annotations", wanted.annotations)] {
      let own = path == "labels" ? present.labels : present.annotations
      for (key, value) in names where own[key] == nil {
        mended.set(.string(value), at: "metadata", path, key)
      }
    }
    if let selectors = wanted.at("aggregationRule", "clusterRoleSelectors")?.arrayValue {
      // The rules of a union are its controller's business.
      var own = present.at("aggregationRule", "clusterRoleSelectors")?.arrayValue ?? []
      own += selectors.filter { !own.contains($0) }
      mended.set(.array(own), at: "aggregationRule", "clusterRoleSelectors")
    } else if wanted["rules"] != nil {
      let missing = RuleCoverage.missing(
        PolicyRule.rules(of: wanted), from: PolicyRule.rules(of: present))
      let rules = (present["rules"]?.arrayValue ?? []) + RuleCoverage.compact(missing).map(\.json)
      if !missing.isEmpty { mended["rules"] = .array(rules) }
    }
    if let subjects = wanted["subjects"]?.arrayValue {
      let own = present["subjects"]?.arrayValue ?? []
      let missing = subjects.filter { !own.contains($0) }
      if !missing.isEmpty { mended["subjects"] = .array(own + missing) }
    }
    return mended == present ? .none : .update(mended)
  }
}
