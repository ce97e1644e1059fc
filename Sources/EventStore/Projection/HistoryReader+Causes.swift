import Keyspace

/// Why something happened: each event was a reaction to the one after it in the list.
public struct HistoryCauses: Sendable, Hashable {
  public var events: [HistoryEvent]
  /// The chain goes on with an event that retention has removed.
  public var isCut: Bool
}

extension HistoryReader {
  /// The chain of causes from `event` back to what began it: a command of a user, or an action
  /// that names no cause.
  public func causes(of event: HistoryEvent) throws(ProjectionError) -> HistoryCauses {
    var chain = [event]
    var last = event
    while last.provenance.cause > 0 {
      // A cause is always earlier, so the chain ends.
      guard last.provenance.cause < last.revision else { break }
      let found: [HistoryEvent]
      do {
        found = try events(at: last.provenance.cause)
      } catch .compacted {
        return HistoryCauses(events: chain, isCut: true)
      } catch {
        throw error
      }
      // Where the cause changed several keys, the first is what its transaction was about.
      guard let first = found.first else {
        return HistoryCauses(events: chain, isCut: true)
      }
      chain.append(first)
      last = first
    }
    return HistoryCauses(events: chain, isCut: false)
  }

  /// The event that created `key` as it is now, or as it last was; `nil` where history has none.
  public func creation(of key: Key) throws(ProjectionError) -> HistoryEvent? {
    guard let last = try previous(of: key, before: .max) else { return nil }
    return try events(HistoryFilter(fromRevision: last.createRevision, key: key), limit: 1).first
  }
}
