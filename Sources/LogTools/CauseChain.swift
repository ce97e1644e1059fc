import Keyspace

/// The chain of causes behind an event: each write names the revision that it reacted to.
public struct CauseChain: Sendable, Hashable {
  /// From the event asked for back to the one that began it all.
  public var links: [LoggedEvent]
  /// The cause that the last link names, where history no longer holds it.
  public var lostCause: Revision?

  /// Follows causes from `event`. A cause is always older than its effect, so the chain ends;
  /// one that is not (a damaged or foreign log) ends it too.
  public init(of event: LoggedEvent, lookUp: (Revision) throws -> LoggedEvent?) rethrows {
    links = [event]
    var current = event
    while current.provenance.cause > 0, current.provenance.cause < current.revision {
      guard let cause = try lookUp(current.provenance.cause) else {
        lostCause = current.provenance.cause
        return
      }
      links.append(cause)
      current = cause
    }
  }
}
