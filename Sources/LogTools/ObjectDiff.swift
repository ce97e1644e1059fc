import JSONDocument

/// One difference between two versions of an object.
public struct ObjectChange: Sendable, Hashable {
  /// Dotted, with `[n]` for elements, e.g. `spec.containers[web].image`: elements that have a
  /// name are called by it.
  public var path: String
  /// `nil`: the member was not there before.
  public var old: JSONValue?
  /// `nil`: the member is gone.
  public var new: JSONValue?

  public init(path: String, old: JSONValue?, new: JSONValue?) {
    self.path = path
    self.old = old
    self.new = new
  }
}

/// What differs between two versions of an object, member by member.
public enum ObjectDiff {
  /// Changes in the order of the new object, removals after them.
  public static func changes(from old: JSONValue?, to new: JSONValue?) -> [ObjectChange] {
    var changes: [ObjectChange] = []
    collect(old, new, path: "", into: &changes)
    return changes
  }

  private static func collect(
    _ old: JSONValue?, _ new: JSONValue?, path: String, into changes: inout [ObjectChange]
  ) {
    if old == new { return }
    switch (old, new) {
    case (.object(let old)?, .object(let new)?):
      for (key, value) in new {
        collect(old[key], value, path: join(path, key), into: &changes)
      }
      for (key, value) in old where !new.contains(key) {
        collect(value, nil, path: join(path, key), into: &changes)
      }
    case (.array(let old)?, .array(let new)?):
      collectElements(old, new, path: path, into: &changes)
    default:
      changes.append(ObjectChange(path: path, old: old, new: new))
    }
  }

  /// Elements are matched by the member that names them, where all have one; else by position.
  private static func collectElements(
    _ old: [JSONValue], _ new: [JSONValue], path: String, into changes: inout [ObjectChange]
  ) {
    guard let key = identifyingKey(old, new) else {
      for position in 0..<max(old.count, new.count) {
        collect(
          position < old.count ? old[position] : nil, position < new.count ? new[position] : nil,
          path: "\(path)[\(position)]", into: &changes)
      }
      return
    }
    func name(_ element: JSONValue) -> String { element[key].map(ChangeSummary.brief) ?? "" }
    for element in new {
      let name = name(element)
      let before = old.first { $0[key].map(ChangeSummary.brief) == name }
      collect(before, element, path: "\(path)[\(name)]", into: &changes)
    }
    for element in old {
      let name = name(element)
      if !new.contains(where: { $0[key].map(ChangeSummary.brief) == name }) {
        collect(element, nil, path: "\(path)[\(name)]", into: &changes)
      }
    }
  }

  private static func identifyingKey(_ old: [JSONValue], _ new: [JSONValue]) -> String? {
    for key in ["name", "type", "uid", "ip", "mountPath", "containerPort", "port"] {
      func isIdentified(_ elements: [JSONValue]) -> Bool {
        let names = elements.compactMap { $0[key].map(ChangeSummary.brief) }
        return names.count == elements.count && Set(names).count == names.count
      }
      if isIdentified(old), isIdentified(new) { return key }
    }
    return nil
  }

  private static func join(_ path: String, _ key: String) -> String {
    let key = key.contains(".") || key.contains("/") ? "[\(key)]" : key
    if path.isEmpty { return key }
    return key.hasPrefix("[") ? path + key : "\(path).\(key)"
  }
}
