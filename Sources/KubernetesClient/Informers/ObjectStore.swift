import JSONDocument

/// The objects of one resource by key, with indexes. Pure; `Informer` guards it.
struct ObjectStore {
  private struct Index {
    var values: IndexFunction
    var keys: [String: Set<ObjectKey>] = [:]
  }

  private(set) var objects: [ObjectKey: JSONValue] = [:]
  private var indexes: [String: Index] = [:]

  mutating func addIndex(_ name: String, _ values: @escaping IndexFunction) {
    var index = Index(values: values)
    for (key, object) in objects {
      for value in values(object) { index.keys[value, default: []].insert(key) }
    }
    indexes[name] = index
  }

  /// Sets or (with nil) removes; returns what was there.
  @discardableResult
  mutating func set(_ key: ObjectKey, _ object: JSONValue?) -> JSONValue? {
    let old = objects[key]
    objects[key] = object
    for name in indexes.keys {
      if let old, let values = indexes[name]?.values(old) {
        for value in values {
          indexes[name]?.keys[value]?.remove(key)
          if indexes[name]?.keys[value]?.isEmpty == true { indexes[name]?.keys[value] = nil }
        }
      }
      if let object, let values = indexes[name]?.values(object) {
        for value in values { indexes[name]?.keys[value, default: []].insert(key) }
      }
    }
    return old
  }

  func find(index name: String, value: String) -> [JSONValue] {
    guard let index = indexes[name] else {
      preconditionFailure("no index named \(name)")
    }
    return (index.keys[value] ?? []).compactMap { objects[$0] }
  }

  /// Applies one event; nil where it changes nothing that is known.
  mutating func apply(_ event: WatchEvent) -> InformerDelta? {
    let key = ObjectKey(event.object)
    let revision = Self.revision(of: event.object)
    switch event.kind {
    case .bookmark: return nil
    case .added, .modified:
      let old = set(key, event.object)
      return InformerDelta(key: key, old: old, new: event.object, revision: revision)
    case .deleted:
      set(key, nil)
      // The event's object is newer than what was kept: it holds the last state.
      return InformerDelta(key: key, old: event.object, new: nil, revision: revision)
    }
  }

  /// Makes the store equal to a list and tells the differences, deletions first.
  mutating func replace(with items: [JSONValue], listRevision: UInt64) -> [InformerDelta] {
    var deltas: [InformerDelta] = []
    var listed: [ObjectKey: JSONValue] = [:]
    listed.reserveCapacity(items.count)
    for item in items { listed[ObjectKey(item)] = item }
    for (key, old) in objects {
      // An object of the same name with another uid is another object.
      if let new = listed[key], Self.uid(of: new) == Self.uid(of: old) { continue }
      set(key, nil)
      deltas.append(InformerDelta(key: key, old: old, new: nil, revision: listRevision))
    }
    for item in items {
      let key = ObjectKey(item)
      let version = item.at("metadata", "resourceVersion")
      if let old = objects[key], old.at("metadata", "resourceVersion") == version { continue }
      let old = set(key, item)
      deltas.append(
        InformerDelta(key: key, old: old, new: item, revision: Self.revision(of: item)))
    }
    return deltas
  }

  static func revision(of object: JSONValue) -> UInt64 {
    object.at("metadata", "resourceVersion")?.stringValue.flatMap { UInt64($0) } ?? 0
  }

  private static func uid(of object: JSONValue) -> JSONValue? { object.at("metadata", "uid") }
}
