import JSONDocument
import KubernetesAPI

/// A rule of a Role or ClusterRole.
struct PolicyRule: Sendable, Hashable {
  var verbs: [String]
  var groups: [String] = []
  var resources: [String] = []
  var names: [String] = []
  var paths: [String] = []

  init(
    verbs: [String], groups: [String] = [], resources: [String] = [], names: [String] = [],
    paths: [String] = []
  ) {
    self.verbs = verbs
    self.groups = groups
    self.resources = resources
    self.names = names
    self.paths = paths
  }

  init(_ value: JSONValue) {
    self.init(
      verbs: value.strings("verbs"), groups: value.strings("apiGroups"),
      resources: value.strings("resources"), names: value.strings("resourceNames"),
      paths: value.strings("nonResourceURLs"))
  }

  /// The rules of a role object.
  static func rules(of role: JSONValue) -> [PolicyRule] {
    (role["rules"]?.arrayValue ?? []).map(PolicyRule.init)
  }

  /// What only administrators of the whole cluster hold.
  static let everything = [
    PolicyRule(verbs: ["*"], groups: ["*"], resources: ["*"]),
    PolicyRule(verbs: ["*"], paths: ["*"]),
  ]

  var json: JSONValue {
    func list(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
    var value: JSONValue = ["verbs": list(verbs)]
    if !groups.isEmpty { value["apiGroups"] = list(groups) }
    if !resources.isEmpty { value["resources"] = list(resources) }
    if !names.isEmpty { value["resourceNames"] = list(names) }
    if !paths.isEmpty { value["nonResourceURLs"] = list(paths) }
    return value
  }

  func allows(_ access: AccessAttributes) -> Bool {
    guard verbs.contains("*") || verbs.contains(access.verb) else { return false }
    guard access.isResource else {
      return paths.contains { Self.path($0, matches: access.path) }
    }
    guard groups.contains("*") || groups.contains(access.group) else { return false }
    guard
      resources.contains(where: { resource in
        if resource == "*" { return true }
        guard !access.subresource.isEmpty else { return resource == access.resource }
        return Self.names(resource, access.resource, access.subresource)
      })
    else { return false }
    return names.isEmpty || names.contains(access.name)
  }

  static func path(_ pattern: String, matches path: String) -> Bool {
    pattern == "*" || pattern == path
      || pattern.hasSuffix("*") && path.hasPrefix(pattern.dropLast())
  }

  /// Whether `pattern` is `resource/subresource` or `*/subresource`.
  private static func names(_ pattern: String, _ resource: String, _ subresource: String) -> Bool {
    guard let slash = pattern.firstIndex(of: "/"),
      pattern[pattern.index(after: slash)...] == subresource
    else { return false }
    let parent = pattern[..<slash]
    return parent == "*" || parent == resource
  }
}

/// Whether somebody who holds some rules may hand out others (escalation).
enum RuleCoverage {
  /// What of `wanted` none of `held` covers, in single pieces.
  static func missing(_ wanted: [PolicyRule], from held: [PolicyRule]) -> [PolicyRule] {
    var missing: [PolicyRule] = []
    for rule in wanted {
      for piece in pieces(of: rule) where !held.contains(where: { covers($0, piece) }) {
        missing.append(piece)
      }
    }
    return missing
  }

  /// Rules with one verb on one thing each.
  static func pieces(of rule: PolicyRule) -> [PolicyRule] {
    var pieces: [PolicyRule] = []
    for group in rule.groups {
      for resource in rule.resources {
        for verb in rule.verbs {
          if rule.names.isEmpty {
            pieces.append(PolicyRule(verbs: [verb], groups: [group], resources: [resource]))
          }
          for name in rule.names {
            pieces.append(
              PolicyRule(verbs: [verb], groups: [group], resources: [resource], names: [name]))
          }
        }
      }
    }
    for path in rule.paths {
      for verb in rule.verbs { pieces.append(PolicyRule(verbs: [verb], paths: [path])) }
    }
    return pieces
  }

  static func covers(_ held: PolicyRule, _ wanted: PolicyRule) -> Bool {
    func all(_ values: [String], _ wanted: [String]) -> Bool {
      values.contains("*") || wanted.allSatisfy(values.contains)
    }
    guard all(held.verbs, wanted.verbs) else { return false }
    guard wanted.paths.isEmpty else {
      return wanted.paths.allSatisfy { path in
        held.paths.contains { PolicyRule.path($0, matches: path) }
      }
    }
    guard all(held.groups, wanted.groups) else { return false }
    let hasResources =
      held.resources.contains("*")
      || wanted.resources.allSatisfy { resource in
        if held.resources.contains(resource) { return true }
        guard let slash = resource.firstIndex(of: "/") else { return false }
        return held.resources.contains("*" + resource[slash...])
      }
    guard hasResources else { return false }
    if held.names.isEmpty { return true }
    return !wanted.names.isEmpty && wanted.names.allSatisfy(held.names.contains)
  }

  /// Pieces that differ only by their verb as one rule each.
  static func compact(_ pieces: [PolicyRule]) -> [PolicyRule] {
    var order: [PolicyRule] = []
    var verbs: [PolicyRule: [String]] = [:]
    for piece in pieces {
      var place = piece
      place.verbs = []
      if verbs[place] == nil { order.append(place) }
      for verb in piece.verbs where verbs[place]?.contains(verb) != true {
        verbs[place, default: []].append(verb)
      }
    }
    return order.map { place in
      var rule = place
      rule.verbs = verbs[place] ?? []
      return rule
    }
  }

  /// A rule as upstream's refusals print it.
  static func text(_ rule: PolicyRule) -> String {
    func list(_ name: String, _ values: [String]) -> String? {
      values.isEmpty
        ? nil : "\(name):[\(values.map(GoFormat.quoted).joined(separator: " "))]"
    }
    let parts = [
      list("APIGroups", rule.groups), list("Resources", rule.resources),
      list("NonResourceURLs", rule.paths), list("ResourceNames", rule.names),
      list("Verbs", rule.verbs),
    ]
    return "{" + parts.compactMap { $0 }.joined(separator: ", ") + "}"
  }

  /// The refusal of an attempt to hand out `missing`.
  static func refusal(_ missing: [PolicyRule], user: UserInfo) -> String {
    let lines = compact(missing).map(text).sorted().joined(separator: "\n")
    let groups = user.groups.map(GoFormat.quoted).joined(separator: " ")
    return "user \(GoFormat.quoted(user.name)) (groups=[\(groups)]) is attempting to grant RBAC "
      + "permissions not currently held:\n\(lines)"
  }
}
