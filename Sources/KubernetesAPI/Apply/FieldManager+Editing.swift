import JSONDocument

extension FieldManager {
  /// What `update` comes to where `managedFields` are as this type wrote them, by editing them: a write
  /// changes few fields, and reading who owns all the others to write it again takes far longer.
  ///
  /// - Returns: null for none; nil where that can't be: they have to be read then.
  func edited(
    _ managedFields: JSONValue, from old: JSONValue, to new: JSONValue, _ write: Write
  ) -> JSONValue? {
    guard var entries = ManagedFieldsEntry.all(of: managedFields), !entries.isEmpty,
      entries.allSatisfy({ versions.contains($0.apiVersion) })
    else { return nil }
    let comparison = schema.compare(Self.stripped(old), Self.stripped(new))
      .subtractingTrees(ignored)
    if comparison.isEmpty { return managedFields }
    let changed = comparison.added.union(comparison.modified)
    let lost = changed.union(comparison.removed)
    for index in entries.indices { entries[index].fields.removeMembers(lost) }
    let own = changed.subtracting(Self.unowned)
    if !own.isEmpty {
      let manager = ManagedFields.Manager(
        name: write.manager, applies: false, apiVersion: write.apiVersion,
        subresource: write.subresource)
      if let index = entries.firstIndex(where: { $0.manager == manager }) {
        entries[index].fields.insertMembers(own)
        entries[index].time = write.time
      } else {
        entries.append(
          ManagedFieldsEntry(
            manager, apiVersion: write.apiVersion, time: write.time, fields: own))
      }
    }
    entries.removeAll { $0.fields.isEmpty }
    guard entries.count(where: { !$0.manager.applies }) <= ManagedFields.maximumUpdateManagers
    else { return nil }
    guard !entries.isEmpty else { return .null }
    entries.sort { left, right in
      ManagedFields.isOrdered(
        (left.manager, left.apiVersion, left.time), (right.manager, right.apiVersion, right.time))
    }
    return .array(entries.map(\.encoded))
  }
}

/// One entry of `managedFields` in its encoded form.
private struct ManagedFieldsEntry {
  let manager: ManagedFields.Manager
  let apiVersion: String
  var time: String?
  /// As `fieldsV1`.
  var fields: JSONObject
  private let object: JSONValue

  /// - Returns: nil unless each can be read and is of another manager.
  static func all(of managedFields: JSONValue) -> [ManagedFieldsEntry]? {
    guard let list = managedFields.arrayValue else { return nil }
    var entries: [ManagedFieldsEntry] = []
    entries.reserveCapacity(list.count + 1)
    for item in list {
      guard let manager = ManagedFields.manager(of: item),
        case .object(let fields)? = item["fieldsV1"],
        !entries.contains(where: { $0.manager == manager })
      else { return nil }
      entries.append(
        ManagedFieldsEntry(
          manager: manager, apiVersion: item["apiVersion"]?.stringValue ?? "",
          time: item["time"]?.stringValue, fields: fields, object: item))
    }
    return entries
  }

  private init(
    manager: ManagedFields.Manager, apiVersion: String, time: String?, fields: JSONObject,
    object: JSONValue
  ) {
    self.manager = manager
    self.apiVersion = apiVersion
    self.time = time
    self.fields = fields
    self.object = object
  }

  init(_ manager: ManagedFields.Manager, apiVersion: String, time: String, fields: FieldSet) {
    self.manager = manager
    self.apiVersion = apiVersion
    self.time = time
    self.fields = fields.encoded.objectValue ?? [:]
    object = ManagedFields.encode(
      manager, apiVersion: apiVersion, time: time, fields: .object(self.fields))
  }

  var encoded: JSONValue {
    var object = object
    if let time { object["time"] = .string(time) }
    object["fieldsV1"] = .object(fields)
    return object
  }
}
