import JSONDocument

/// Keeps `metadata.managedFields` and applies configurations (KEP-555, server-side apply).
public struct FieldManager: Sendable {
  /// One write, as far as it concerns ownership.
  public struct Write: Sendable {
    public var manager: String
    public var apiVersion: String
    public var subresource: String
    /// RFC 3339, whole seconds.
    public var time: String

    public init(manager: String, apiVersion: String, subresource: String, time: String) {
      self.manager = manager
      self.apiVersion = apiVersion
      self.subresource = subresource
      self.time = time
    }
  }

  /// A field that another manager has another value for.
  public struct Conflict: Sendable, Hashable {
    public var manager: String
    public var path: String
  }

  public struct Conflicts: Error, Sendable {
    public var conflicts: [Conflict]
  }

  let schema: ApplySchema
  public var applySchema: ApplySchema { schema }
  /// An object of the type to which nothing was given yet: what a creation begins from.
  public let empty: JSONValue
  /// Versions that the type has; managers that wrote in another one are forgotten.
  let versions: Set<String>
  /// Fields that writes through this path don't reach.
  let ignored: FieldSet

  /// - Parameter ignoredFields: paths of names, e.g. `["status"]`.
  public init(
    schema: ApplySchema, kind: String, apiVersion: String, versions: Set<String>,
    ignoredFields: [[String]] = []
  ) {
    self.schema = schema
    self.versions = versions
    empty = ["kind": .string(kind), "apiVersion": .string(apiVersion)]
    var ignored = FieldSet()
    for path in ignoredFields { ignored.insert(path.map(PathElement.field)) }
    self.ignored = ignored
  }

  /// What nobody owns: it identifies the object, or the server sets it.
  static let unowned: FieldSet = {
    var set = FieldSet()
    set.insert([.field("apiVersion")])
    set.insert([.field("kind")])
    set.insert([.field("metadata")])
    for name in [
      "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
      "managedFields", "resourceVersion",
    ] {
      set.insert([.field("metadata"), .field(name)])
    }
    return set
  }()

  static func stripped(_ object: JSONValue) -> JSONValue {
    guard object.at("metadata", "managedFields") != nil else { return object }
    var object = object
    object.set(nil, at: "metadata", "managedFields")
    return object
  }

  // MARK: Updates

  /// `managedFields` of an object after a write other than apply.
  ///
  /// - Parameter old: the object before; nil for a creation.
  /// - Parameter managedFields: those the object has, or that the write gives it.
  /// - Parameter ownedSpec: what a creation owns of the member `spec`, where that is known.
  /// - Returns: nil for none.
  public func update(
    from old: JSONValue?, to new: JSONValue, managedFields: JSONValue?, _ write: Write,
    ownedSpec: JSONValue? = nil
  ) -> JSONValue? {
    if old == nil, managedFields == nil {
      return firstFields(of: Self.stripped(new), write, ownedSpec: ownedSpec)
    }
    if let old, let managedFields, managedFields == old.at("metadata", "managedFields"),
      let edited = edited(managedFields, from: old, to: new, write)
    {
      return edited.isNull ? nil : edited
    }
    return updateByReading(from: old, to: new, managedFields: managedFields, write)
  }

  /// The same for any `managedFields`, also those that a client sent.
  func updateByReading(
    from old: JSONValue?, to new: JSONValue, managedFields: JSONValue?, _ write: Write
  ) -> JSONValue? {
    var managed = decoded(managedFields)
    // Objects from before there was tracking stay without until someone applies.
    if managed.entries.isEmpty, old != nil { return nil }
    let changes = record(Self.stripped(old ?? empty), Self.stripped(new), &managed, write)
    if !changes, old != nil, let managedFields,
      managedFields == old?.at("metadata", "managedFields"),
      managed.entries.count == managedFields.arrayValue?.count
    {
      return managedFields
    }
    managed.capUpdateManagers()
    return managed.encoded
  }

  private func decoded(_ managedFields: JSONValue?) -> ManagedFields {
    var managed = ManagedFields(encoded: managedFields) ?? ManagedFields()
    for (manager, entry) in managed.entries where !versions.contains(entry.apiVersion) {
      managed.entries[manager] = nil
    }
    return managed
  }

  /// Whether a client asks to forget who manages what.
  public static func isReset(_ managedFields: JSONValue?) -> Bool {
    guard let list = managedFields?.arrayValue else { return false }
    return list.count == 1 && list[0].objectValue?.isEmpty == true
  }

  /// Whether there is something in `managedFields` that can be read.
  public static func isUsable(_ managedFields: JSONValue?) -> Bool {
    ManagedFields(encoded: managedFields)?.entries.isEmpty == false
  }

  /// - Returns: whether anything changed.
  @discardableResult
  private func record(
    _ old: JSONValue, _ new: JSONValue, _ managed: inout ManagedFields, _ write: Write
  ) -> Bool {
    let comparison = schema.compare(old, new).subtractingTrees(ignored)
    guard !comparison.isEmpty else { return false }
    take(comparison, from: &managed)
    let own = comparison.added.union(comparison.modified).subtracting(Self.unowned)
    guard !own.isEmpty else { return true }
    let manager = ManagedFields.Manager(
      name: write.manager, applies: false, apiVersion: write.apiVersion,
      subresource: write.subresource)
    let before = managed.entries[manager]?.fields ?? FieldSet()
    managed.entries[manager] = ManagedFields.Entry(
      apiVersion: write.apiVersion, time: write.time, fields: before.union(own))
    return true
  }

  /// What is changed or gone belongs to nobody else any more.
  private func take(
    _ comparison: FieldComparison, from managed: inout ManagedFields,
    but spared: ManagedFields.Manager? = nil
  ) {
    guard !managed.entries.isEmpty else { return }
    let changed = comparison.added.union(comparison.modified)
    for (manager, entry) in managed.entries {
      var fields = entry.fields.subtracting(comparison.removed)
      if manager != spared { fields = fields.subtracting(fields.intersection(changed)) }
      if fields.isEmpty {
        managed.entries[manager] = nil
      } else {
        managed.entries[manager]?.fields = fields
      }
    }
  }

  // MARK: Apply

  /// Lays a configuration over an object: what it names is set and owned, what the same manager
  /// applied before and no longer names goes, unless others own it too.
  ///
  /// - Returns: the object with its new `managedFields`; nil where nothing changes.
  /// - Throws: `Conflicts` where others own what would change, unless `force`.
  public func apply(
    _ configuration: JSONValue, to live: JSONValue, force: Bool, isCreation: Bool, _ write: Write
  ) throws(Conflicts) -> JSONValue? {
    var managed = decoded(live.at("metadata", "managedFields"))
    let live = Self.stripped(live)
    if managed.entries.isEmpty, !isCreation {
      let first = Write(
        manager: "before-first-apply", apiVersion: write.apiVersion,
        subresource: write.subresource, time: write.time)
      record(empty, live, &managed, first)
    }
    let before = managed.entries
    let manager = ManagedFields.Manager(
      name: write.manager, applies: true, apiVersion: "", subresource: write.subresource)
    let lastFields = managed.entries[manager]?.fields ?? FieldSet()
    let fields = schema.fields(of: configuration).subtractingTrees(ignored)
    let time = managed.entries[manager]?.time
    managed.entries[manager] = ManagedFields.Entry(
      apiVersion: write.apiVersion, time: time, fields: fields)
    var merged = schema.merge(live, configuration)
    if !lastFields.isEmpty { merged = pruned(merged, lastFields, managed) }
    let comparison = schema.compare(live, merged).subtractingTrees(ignored)
    if !force { try checkConflicts(comparison, managed, but: manager) }
    take(comparison, from: &managed, but: manager)
    let own = (managed.entries[manager]?.fields ?? FieldSet()).subtracting(Self.unowned)
    managed.entries[manager]?.fields = own
    if own.isEmpty { managed.entries[manager] = nil }
    let isSame = comparison.isEmpty && Self.equal(before, managed.entries)
    if isSame { return nil }
    // The time is that of the last change to the object, not of a claim to what was there.
    if !comparison.isEmpty { managed.entries[manager]?.time = write.time }
    merged.set(managed.encoded, at: "metadata", "managedFields")
    return merged
  }

  private static func equal(
    _ left: [ManagedFields.Manager: ManagedFields.Entry],
    _ right: [ManagedFields.Manager: ManagedFields.Entry]
  ) -> Bool {
    left.count == right.count
      && left.allSatisfy { manager, entry in
        right[manager]?.fields == entry.fields && right[manager]?.apiVersion == entry.apiVersion
      }
  }

  private func checkConflicts(
    _ comparison: FieldComparison, _ managed: ManagedFields, but own: ManagedFields.Manager
  ) throws(Conflicts) {
    let changed = comparison.added.union(comparison.modified)
    var conflicts: [Conflict] = []
    let others = managed.entries.filter { $0.key != own }
      .sorted { $0.key.display < $1.key.display }
    for (manager, entry) in others {
      for path in entry.fields.intersection(changed).paths {
        conflicts.append(
          Conflict(manager: manager.display, path: path.map(\.display).joined()))
      }
    }
    if !conflicts.isEmpty { throw Conflicts(conflicts: conflicts) }
  }

  /// The merged object without what its manager no longer applies and nobody else owns.
  private func pruned(_ merged: JSONValue, _ last: FieldSet, _ managed: ManagedFields)
    -> JSONValue
  {
    func named(_ set: FieldSet) -> FieldSet { set.withNamedFields(schema, schema.root) }
    let mergedFields = named(schema.fields(of: merged))
    var pruned = schema.removing(named(last), from: merged)
    let owned = managed.entries.values.reduce(FieldSet()) { $0.union($1.fields) }
    pruned = schema.removing(
      mergedFields.subtracting(named(schema.fields(of: pruned)).union(named(owned))), from: merged)
    // Only what was applied before may go.
    let gone = mergedFields.subtracting(named(schema.fields(of: pruned)))
    return schema.removing(gone.intersection(named(last)), from: merged)
  }
}

extension FieldManager {
  /// - Throws: a text that says which field doesn't fit the schema.
  public func check(_ configuration: JSONValue) throws(FieldMismatch) {
    do throws(ApplySchema.Mismatch) {
      try schema.check(configuration)
    } catch {
      throw FieldMismatch(description: error.description)
    }
  }
}

/// Why a configuration can't be applied.
public struct FieldMismatch: Error, CustomStringConvertible {
  public var description: String
}
