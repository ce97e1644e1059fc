import JSONDocument
import Keyspace
import KubernetesAPI

/// One event in full: who, when, why, and what it made different.
public enum EventReport {
  /// - Parameter whole: print the object too, not only how it differs.
  public static func text(
    _ line: EventLine, previous: LoggedEvent?, whole: Bool, color: Bool
  ) -> String {
    let event = line.event
    let time = Timestamp(milliseconds: Int64(clamping: event.timeMilliseconds)).rfc3339Milli()
    var output = ""
    func field(_ name: String, _ value: String) {
      guard !value.isEmpty else { return }
      let label = name + ":"
      output += label + String(repeating: " ", count: max(1, 11 - label.count)) + value + "\n"
    }
    field("Revision", String(event.revision))
    field("Time", time)
    field("User", event.provenance.user)
    field("Impersonated by", event.provenance.impersonator)
    field("Agent", event.provenance.agent)
    field("Verb", event.verb)
    field("Object", ObjectReference(key: event.key)?.description ?? event.key.description)
    field("Before", event.previousRevision == 0 ? "absent" : "revision \(event.previousRevision)")
    field("Cause", event.provenance.cause == 0 ? "none" : "revision \(event.provenance.cause)")
    field("Change", line.summary)
    output += "\n"
    let before = yamlLines(previous)
    let after = yamlLines(event)
    if event.previousRevision > 0, previous == nil {
      output += "(the version before is older than this log's history)\n"
      output += after.map { "  \($0)\n" }.joined()
    } else {
      output += LineDiff.render(LineDiff.lines(from: before, to: after), color: color)
    }
    if whole, event.kind == .put, event.previousRevision > 0 {
      output += "\n" + after.map { "\($0)\n" }.joined()
    }
    return output
  }

  /// The object as YAML, without what no reader looks for in a difference.
  static func yamlLines(_ event: LoggedEvent?) -> [String] {
    guard let event, event.kind == .put else { return [] }
    guard var object = event.object else {
      return ["(\(event.value.count) bytes that are not JSON)"]
    }
    object.set(nil, at: "metadata", "managedFields")
    return YAMLText.render(object).split(separator: "\n", omittingEmptySubsequences: false)
      .dropLast().map(String.init)
  }
}

/// A chain of causes, the newest first, each line further back indented below its effect.
public enum CauseText {
  public static func render(_ lines: [EventLine], lostCause: Revision?) -> String {
    var output = ""
    for (depth, line) in lines.enumerated() {
      let event = line.event
      let margin = depth == 0 ? "" : String(repeating: "   ", count: depth - 1) + "└─ "
      let object = ObjectReference(key: event.key)?.description ?? event.key.description
      let time = EventLine.clock(
        Timestamp(milliseconds: Int64(clamping: event.timeMilliseconds)))
      output += "\(margin)\(event.revision)  \(time)  \(event.who)  \(event.verb)  \(object)"
      output += line.summary.isEmpty ? "\n" : ": \(line.summary)\n"
    }
    if let lostCause {
      output += String(repeating: "   ", count: max(0, lines.count - 1))
      output += "└─ \(lostCause)  (older than this log's history)\n"
    }
    return output
  }
}
