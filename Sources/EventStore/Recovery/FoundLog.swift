import EventLog
import Raft

/// What is left of a replica's log, held against the state beside it. Decides nothing by itself that
/// a simulated disk would not decide alike.
public enum FoundLog<D: Disk> {
  /// `setAside`: damaged files that the state makes superfluous, under their new names, and what
  /// was wrong.
  case whole(EventLog<D>, setAside: (files: [String], damage: LogError)?)
  /// Entries are gone; the disk is as it was.
  case lost(ReplicaRecovery.Need, LogError)

  /// Opens the log. An incomplete write at its end is cut, and damage to what the state has anyway
  /// is set aside.
  ///
  /// - Parameters:
  ///   - applied: what the state has.
  ///   - isInstalling: that state was just being put in place, and the log need not reach it.
  public static func open(
    _ disk: D, options: LogOptions, applied: LogPosition, isInstalling: Bool
  ) throws(LogError) -> FoundLog {
    // What was applied was in the log.
    let reaching = isInstalling ? nil : applied
    do throws(LogError) {
      let log = try EventLog.open(disk: disk, options: options, reaching: reaching)
      // Before a state is put in place, its term is in the log: without it, the log is another one.
      guard log.vote.term >= applied.term else {
        return .lost(
          .log(vote: nil, seenTerm: applied.term), .missingSegment("the term of the state"))
      }
      return .whole(log, setAside: nil)
    } catch {
      guard error.isDamage else { throw error }
      if applied.index > 0, let moved = try LogRepair.setAside(disk, coveredBy: applied) {
        return .whole(
          try EventLog.open(disk: disk, options: options, reaching: reaching),
          setAside: (moved, error))
      }
      let damage = try LogRepair.examine(disk) ?? LogDamage(error: error)
      return .lost(
        .log(
          vote: damage.vote.map { HardState(term: $0.term, vote: $0.vote, commit: 0) },
          seenTerm: max(damage.seenTerm, applied.term)),
        error)
    }
  }
}

extension EventLog {
  /// Makes the log of a replica of a new cluster, whose vote in `term` is spent: it may have given
  /// it to somebody in a former life.
  public static func begin(disk: D, options: LogOptions, term: Term) throws(LogError) {
    var log = try EventLog.open(disk: disk, options: options)
    try log.append([], vote: LogVote(term: term, vote: options.replicaID, commit: 0))
    try log.sync()
  }

  /// What a replica with this log and a state as of `applied` has to get from its peers before it
  /// may take part; `nil`: nothing.
  ///
  /// - Parameter asksPeers: an empty folder may be that of a replica that was wiped.
  public func need(applied: UInt64, asksPeers: Bool) -> ReplicaRecovery.Need? {
    if asksPeers, lastIndex == 0, vote.term == 0, applied == 0 { return .everything }
    return applied < base.index ? .state(atLeast: base.index) : nil
  }
}
