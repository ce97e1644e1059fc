import JSONDocument

/// Compares and names pod templates.
enum PodTemplate {
  /// Whether both make the same pods. The hash label tells ReplicaSets apart, not templates.
  static func equal(_ left: JSONValue, _ right: JSONValue) -> Bool {
    normalized(left) == normalized(right)
  }

  static func normalized(_ template: JSONValue) -> JSONValue {
    var template = template
    if template.at("metadata", "labels") != nil {
      template.set(nil, at: "metadata", "labels", DeploymentKeys.podTemplateHash)
    }
    return withoutEmpties(template) ?? [:]
  }

  /// Absent, null and empty mean the same in the API.
  private static func withoutEmpties(_ value: JSONValue) -> JSONValue? {
    switch value {
    case .null: return nil
    case .array(let elements):
      // An element holds its place even if empty.
      return elements.isEmpty ? nil : .array(elements.map { withoutEmpties($0) ?? .null })
    case .object(let object):
      let kept = object.compactMap { key, value in withoutEmpties(value).map { (key, $0) } }
      return kept.isEmpty ? nil : .object(JSONObject(kept))
    case .bool, .int, .double, .string: return value
    }
  }

  /// A name for the template: equal templates give equal names, and a raised `collisions` gives
  /// another one. FNV-1a over the canonical JSON.
  static func hash(_ template: JSONValue, collisions: Int64) -> String {
    var hash: UInt32 = 2_166_136_261
    func mix(_ bytes: some Sequence<UInt8>) {
      for byte in bytes { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    }
    mix(sorted(normalized(template)).serialized())
    if collisions != 0 { mix(String(collisions).utf8) }
    return NameSuffix.encoded(hash)
  }

  private static func sorted(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let elements): .array(elements.map(sorted))
    case .object(let object):
      .object(JSONObject(object.sorted { $0.0 < $1.0 }.map { ($0.0, sorted($0.1)) }))
    case .null, .bool, .int, .double, .string: value
    }
  }
}
