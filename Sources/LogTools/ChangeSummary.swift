import JSONDocument

/// What a write changed, in a few words for one line of the log.
public enum ChangeSummary {
  /// Members that change with every write and so say nothing.
  static let noise: Set<String> = [
    "metadata.resourceVersion", "metadata.generation", "metadata.managedFields",
    "status.observedGeneration",
  ]

  /// At most `limit` changes in full; the rest is counted.
  public static func text(from old: JSONValue?, to new: JSONValue?, limit: Int = 3) -> String {
    switch (old, new) {
    case (nil, nil): return ""
    case (nil, let new?): return created(new)
    case (_?, nil): return "removed"
    case (let old?, let new?):
      let changes = ObjectDiff.changes(from: old, to: new).filter { change in
        !noise.contains { change.path == $0 || change.path.hasPrefix($0 + "[") }
          && !isTimeOnly(change)
      }
      if changes.isEmpty { return "touched" }
      // What people ask for stands first: the spec, then the rest, the status last.
      let ordered = changes.enumerated().sorted {
        (rank($0.element.path), $0.offset) < (rank($1.element.path), $1.offset)
      }.map(\.element)
      var parts = ordered.prefix(limit).map(describe)
      if ordered.count > limit { parts.append("+\(ordered.count - limit) more") }
      return parts.joined(separator: ", ")
    }
  }

  private static func rank(_ path: String) -> Int {
    if path.hasPrefix("metadata.deletion") { return 0 }
    if path == "status.phase" { return 1 }
    if path.hasPrefix("spec") || path.hasPrefix("data") { return 2 }
    if path.hasPrefix("status.conditions") { return 5 }
    if path.hasPrefix("status") { return 4 }
    return 3
  }

  private static func isTimeOnly(_ change: ObjectChange) -> Bool {
    for suffix in ["Time", "Timestamp", "TransitionTime"] where change.path.hasSuffix(suffix) {
      return !change.path.hasPrefix("metadata.")
    }
    return false
  }

  private static func created(_ object: JSONValue) -> String {
    if let replicas = object.at("spec", "replicas")?.intValue {
      return "created, \(replicas) replicas"
    }
    if let node = object.at("spec", "nodeName")?.stringValue { return "created on \(node)" }
    if object["kind"]?.stringValue == "Event", let reason = object["reason"]?.stringValue {
      return "\(reason): \(object["message"]?.stringValue ?? "")"
    }
    return "created"
  }

  private static func describe(_ change: ObjectChange) -> String {
    switch (change.old, change.new) {
    case (nil, let new?): "\(change.path)=\(brief(new))"
    case (_?, nil): "-\(change.path)"
    default:
      "\(change.path) \(change.old.map(brief) ?? "")→\(change.new.map(brief) ?? "")"
    }
  }

  /// A value in at most 40 characters.
  public static func brief(_ value: JSONValue) -> String {
    let text: String
    switch value {
    case .string(let string): text = string
    case .array(let array): text = "[\(array.count)]"
    case .object(let object): text = "{\(object.keys.prefix(3).joined(separator: ","))}"
    default: text = value.text
    }
    let line = text.split(whereSeparator: \.isNewline).joined(separator: "⏎")
    return line.count > 40 ? line.prefix(39) + "…" : line
  }
}
