import JSONDocument

/// Who set which fields: `metadata.managedFields`.
struct ManagedFields: Sendable {
  /// Who manages fields, by what kind of write.
  struct Manager: Sendable, Hashable {
    var name: String
    /// Whether by apply; else by any other write.
    var applies: Bool
    /// Empty for appliers: they stay the same whatever version they apply in.
    var apiVersion: String
    var subresource: String

    /// As messages about conflicts name it.
    var display: String {
      var text = GoFormat.quoted(name)
      if !subresource.isEmpty { text += " with subresource \(GoFormat.quoted(subresource))" }
      if !applies { text += " using \(apiVersion)" }
      return text
    }
  }

  struct Entry: Sendable {
    var apiVersion: String
    var time: String?
    var fields: FieldSet
  }

  var entries: [Manager: Entry] = [:]

  init() {}

  /// - Returns: nil where the value can't be read; then it is as if it were not there.
  init?(encoded value: JSONValue?) {
    guard let value, !value.isNull else { return }
    guard let list = value.arrayValue else { return nil }
    for item in list {
      guard let operation = item["operation"]?.stringValue,
        operation == "Apply" || operation == "Update", item["fieldsType"] == "FieldsV1",
        let fields = FieldSet(encoded: item["fieldsV1"] ?? [:])
      else { return nil }
      let apiVersion = item["apiVersion"]?.stringValue ?? ""
      let manager = Manager(
        name: item["manager"]?.stringValue ?? "", applies: operation == "Apply",
        apiVersion: operation == "Apply" ? "" : apiVersion,
        subresource: item["subresource"]?.stringValue ?? "")
      let entry = Entry(
        apiVersion: apiVersion, time: item["time"]?.stringValue, fields: fields)
      if let present = entries[manager] {
        entries[manager]?.fields = present.fields.union(fields)
      } else {
        entries[manager] = entry
      }
    }
  }

  /// - Returns: nil where nobody manages anything.
  var encoded: JSONValue? {
    guard !entries.isEmpty else { return nil }
    let sorted = entries.sorted { left, right in
      if left.key.applies != right.key.applies { return left.key.applies }
      let times = (left.value.time ?? "", right.value.time ?? "")
      if times.0 != times.1 { return times.0 < times.1 }
      if left.key.name != right.key.name { return left.key.name < right.key.name }
      if left.value.apiVersion != right.value.apiVersion {
        return left.value.apiVersion < right.value.apiVersion
      }
      return left.key.subresource < right.key.subresource
    }
    return .array(
      sorted.map { manager, entry in
        Self.encode(
          manager, apiVersion: entry.apiVersion, time: entry.time, fields: entry.fields.encoded)
      })
  }

  /// - Parameter fields: a `FieldsV1`.
  static func encode(
    _ manager: Manager, apiVersion: String, time: String?, fields: JSONValue
  ) -> JSONValue {
    var object: JSONObject = [
      "manager": .string(manager.name),
      "operation": .string(manager.applies ? "Apply" : "Update"),
      "apiVersion": .string(apiVersion),
    ]
    if let time { object["time"] = .string(time) }
    object["fieldsType"] = "FieldsV1"
    object["fieldsV1"] = fields
    if !manager.subresource.isEmpty { object["subresource"] = .string(manager.subresource) }
    return .object(object)
  }

  /// Managers by update are at most this many; older ones become one, `ancient-changes`.
  static let maximumUpdateManagers = 10

  mutating func capUpdateManagers() {
    var updates = entries.keys.filter { !$0.applies }
    guard updates.count > Self.maximumUpdateManagers else { return }
    updates.sort { left, right in
      let times = (entries[left]?.time ?? "", entries[right]?.time ?? "")
      return times.0 == times.1 ? left.name < right.name : times.0 < times.1
    }
    var excess = updates.count - Self.maximumUpdateManagers
    // One more goes for each bucket that the old ones are gathered in.
    for old in updates where excess > 0 {
      guard let entry = entries.removeValue(forKey: old) else { continue }
      let bucket = Manager(
        name: "ancient-changes", applies: false, apiVersion: entry.apiVersion,
        subresource: old.subresource)
      if let present = entries[bucket] {
        entries[bucket]?.fields = present.fields.union(entry.fields)
        entries[bucket]?.time = max(present.time ?? "", entry.time ?? "")
        excess -= 1
      } else {
        entries[bucket] = entry
        if old.name == "ancient-changes" { continue }
      }
    }
  }
}
