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
      guard let manager = Self.manager(of: item),
        let fields = FieldSet(encoded: item["fieldsV1"] ?? [:])
      else { return nil }
      let apiVersion = item["apiVersion"]?.stringValue ?? ""
      let entry = Entry(
        apiVersion: apiVersion, time: item["time"]?.stringValue, fields: fields)
      if let present = entries[manager] {
        entries[manager]?.fields = present.fields.union(fields)
      } else {
        entries[manager] = entry
      }
    }
  }

  /// Whose entry it is; nil where it can't be read.
  static func manager(of entry: JSONValue) -> Manager? {
    guard let operation = entry["operation"]?.stringValue,
      operation == "Apply" || operation == "Update", entry["fieldsType"] == "FieldsV1"
    else { return nil }
    return Manager(
      name: entry["manager"]?.stringValue ?? "", applies: operation == "Apply",
      apiVersion: operation == "Apply" ? "" : entry["apiVersion"]?.stringValue ?? "",
      subresource: entry["subresource"]?.stringValue ?? "")
  }

  /// The order of entries: those of appliers first, then by time.
  static func isOrdered(
    _ left: (manager: Manager, apiVersion: String, time: String?),
    _ right: (manager: Manager, apiVersion: String, time: String?)
  ) -> Bool {
    if left.manager.applies != right.manager.applies { return left.manager.applies }
    let times = (left.time ?? "", right.time ?? "")
    if times.0 != times.1 { return times.0 < times.1 }
    if left.manager.name != right.manager.name { return left.manager.name < right.manager.name }
    if left.apiVersion != right.apiVersion { return left.apiVersion < right.apiVersion }
    return left.manager.subresource < right.manager.subresource
  }

  /// - Returns: nil where nobody manages anything.
  var encoded: JSONValue? {
    guard !entries.isEmpty else { return nil }
    let sorted = entries.sorted { left, right in
      Self.isOrdered(
        (left.key, left.value.apiVersion, left.value.time),
        (right.key, right.value.apiVersion, right.value.time))
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
