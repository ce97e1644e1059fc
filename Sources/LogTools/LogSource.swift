import JSONDocument
import Keyspace

/// Where events are read from: a replica's folder, whether its server runs or not.
public protocol LogSource: AnyObject {
  /// The first and last revision that can be asked for.
  var revisions: ClosedRange<Revision> { get throws }
  /// Events after `revision` in order: `limit`, and the rest of the last one's transaction. The
  /// filter narrows what is read; those that pass may still fail `LogFilter.matches`.
  func events(_ filter: LogFilter, after revision: Revision, limit: Int) throws -> [LoggedEvent]
  /// The events of one revision; several where a transaction wrote several keys.
  func events(at revision: Revision) throws -> [LoggedEvent]
  /// The last event of `key` at or before `revision`.
  func lastEvent(of key: Key, notAfter revision: Revision) throws -> LoggedEvent?
  /// The events of `key`, oldest first.
  func events(of key: Key) throws -> [LoggedEvent]
  /// Everything below `prefix` as it was at `revision`.
  func entries(prefix: Key, at revision: Revision) throws -> [Entry]
  /// The last revision at or before a time.
  func revision(atMilliseconds time: UInt64) throws -> Revision?
}

extension LogSource {
  /// What the event's key held before it; `nil` where it was absent or history does not reach.
  public func previous(of event: LoggedEvent) throws -> LoggedEvent? {
    guard event.previousRevision > 0, event.revision > 0 else { return nil }
    return try lastEvent(of: event.key, notAfter: event.revision - 1)
  }

  public func line(for event: LoggedEvent) throws -> EventLine {
    EventLine(event: event, previous: try previous(of: event)?.object)
  }
}

/// Which events a list shows.
public struct LogFilter: Sendable {
  public var reference: ObjectReference?
  /// A part of the user's name.
  public var user: String?
  /// First parts of keys, e.g. `deployments.apps`.
  public var resources: Set<String>?
  public var verb: String?
  public var untilMilliseconds: UInt64?
  public var sinceMilliseconds: UInt64?
  /// Also the servers' own keys, which are no objects of the API.
  public var includesInternal = false

  public init() {}

  public func matches(_ event: LoggedEvent) -> Bool {
    if !includesInternal, event.isInternal { return false }
    if let reference, !reference.matches(event.key) { return false }
    if let user, !event.provenance.user.contains(user),
      !event.provenance.impersonator.contains(user)
    {
      return false
    }
    if let resources {
      let resource = event.key.description.prefix { $0 != "/" }
      if !resources.contains(String(resource)) { return false }
    }
    if let verb, event.verb != verb, event.provenance.verb != verb { return false }
    if let sinceMilliseconds, event.timeMilliseconds < sinceMilliseconds { return false }
    if let untilMilliseconds, event.timeMilliseconds > untilMilliseconds { return false }
    return true
  }
}
