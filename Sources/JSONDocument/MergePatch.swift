/// JSON merge patch, RFC 7386.
public enum MergePatch {
  /// Members of `patch` replace those of `document`; null removes; anything but an object
  /// replaces the whole.
  public static func apply(_ patch: JSONValue, to document: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    var result: JSONObject = [:]
    if case .object(let object) = document { result = object }
    for (key, change) in changes {
      if change.isNull {
        result[key] = nil
      } else {
        result[key] = apply(change, to: result[key] ?? .null)
      }
    }
    return .object(result)
  }

  /// The smallest merge patch that turns `old` into `new`. Since null means removal, members that
  /// are null in `new` can't be told from absent ones.
  public static func difference(from old: JSONValue, to new: JSONValue) -> JSONValue {
    guard case .object(let before) = old, case .object(let after) = new else { return new }
    var changes: JSONObject = [:]
    for (key, value) in after {
      guard let previous = before[key] else {
        changes[key] = value
        continue
      }
      if previous == value { continue }
      changes[key] = difference(from: previous, to: value)
    }
    for key in before.keys where after[key] == nil { changes[key] = .null }
    return .object(changes)
  }
}
