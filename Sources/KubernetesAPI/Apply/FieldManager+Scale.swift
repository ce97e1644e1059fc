import JSONDocument

extension FieldManager {
  private static let replicas: [PathElement] = [.field("spec"), .field("replicas")]

  private static func ownsReplicas(_ fields: FieldSet) -> Bool {
    fields[.field("spec")].children[.field("replicas")].isMember
  }

  /// Applies to the `Scale` of an object, of whose `managedFields` a Scale shows who owns the
  /// replicas.
  ///
  /// - Parameter parent: the object's `managedFields` and version.
  /// - Returns: the Scale as it is then, and the object's new `managedFields`.
  public func applyScale(
    _ configuration: JSONValue, to scale: JSONValue,
    parent: (managedFields: JSONValue?, apiVersion: String), force: Bool, _ write: Write
  ) throws(Conflicts) -> (scale: JSONValue, managedFields: JSONValue?) {
    var owners = ManagedFields(encoded: parent.managedFields) ?? ManagedFields()
    var own = FieldSet()
    own.insert(Self.replicas)
    var shown = ManagedFields()
    for (manager, entry) in owners.entries where Self.ownsReplicas(entry.fields) {
      var manager = manager
      if !manager.applies { manager.apiVersion = write.apiVersion }
      shown.entries[manager] = ManagedFields.Entry(
        apiVersion: write.apiVersion, time: entry.time, fields: own)
    }
    var live = scale
    live.set(shown.encoded, at: "metadata", "managedFields")
    guard
      var result = try apply(configuration, to: live, force: force, isCreation: false, write)
    else { return (scale, parent.managedFields) }
    var left =
      (ManagedFields(encoded: result.at("metadata", "managedFields")) ?? ManagedFields()).entries
      .filter { Self.ownsReplicas($0.value.fields) }
    result.set(nil, at: "metadata", "managedFields")
    for (manager, entry) in owners.entries where Self.ownsReplicas(entry.fields) {
      var shown = manager
      if !manager.applies { shown.apiVersion = write.apiVersion }
      if left.removeValue(forKey: shown) != nil { continue }
      let rest = entry.fields.subtracting(own)
      if rest.isEmpty {
        owners.entries[manager] = nil
      } else {
        owners.entries[manager]?.fields = rest
      }
    }
    for (manager, _) in left {
      var manager = manager
      if !manager.applies { manager.apiVersion = parent.apiVersion }
      owners.entries[manager] = ManagedFields.Entry(
        apiVersion: parent.apiVersion, time: nil, fields: own)
    }
    return (result, owners.encoded)
  }
}
