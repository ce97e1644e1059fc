import JSONDocument
import Keyspace
import KubernetesAPI

/// One event as one line: revision, time, who, verb, object, what changed, cause.
public struct EventLine: Sendable {
  public var event: LoggedEvent
  public var summary: String

  public init(event: LoggedEvent, previous: JSONValue?) {
    self.event = event
    summary = ChangeSummary.text(
      from: previous, to: event.kind == .delete ? nil : event.object)
    if event.kind == .delete, previous == nil { summary = "removed" }
  }

  public static let header = ["REVISION", "TIME", "WHO", "VERB", "OBJECT", "CHANGE", "CAUSE"]
  /// Widths for output that is printed as it comes, where no cell can be measured in advance.
  public static let widths = [8, 12, 36, 13, 44, 48, 6]

  public func cells(wide: Bool) -> [String] {
    let reference = ObjectReference(key: event.key)
    let time = Timestamp(milliseconds: Int64(clamping: event.timeMilliseconds))
    var cells = [
      String(event.revision), wide ? time.rfc3339Milli() : Self.clock(time), event.who, event.verb,
      reference?.description ?? event.key.description, summary,
      event.provenance.cause == 0 ? "-" : String(event.provenance.cause),
    ]
    if wide { cells.append(event.provenance.agent) }
    return cells
  }

  /// `18:04:05.123`, UTC.
  static func clock(_ time: Timestamp) -> String {
    String(time.rfc3339Milli().dropFirst(11).prefix(12))
  }

  public func json(includeObject: Bool) -> JSONValue {
    let reference = ObjectReference(key: event.key)
    var object: JSONObject = [
      "revision": .int(Int64(clamping: event.revision)),
      "time": .string(
        Timestamp(milliseconds: Int64(clamping: event.timeMilliseconds)).rfc3339Milli()),
      "user": .string(event.provenance.user),
      "agent": .string(event.provenance.agent),
      "verb": .string(event.verb),
      "kind": .string(event.kind == .put ? "put" : "delete"),
      "key": .string(event.key.description),
      "object": .string(reference?.description ?? event.key.description),
      "change": .string(summary),
      "cause": .int(Int64(clamping: event.provenance.cause)),
      "previousRevision": .int(Int64(clamping: event.previousRevision)),
    ]
    if !event.provenance.impersonator.isEmpty {
      object["impersonator"] = .string(event.provenance.impersonator)
    }
    if includeObject, let value = event.object { object["value"] = value }
    return .object(object)
  }
}
