import EventLog
import Raft

extension LogRecord {
  init(_ entry: LogEntry) {
    self.init(
      term: entry.term, index: entry.index, kind: entry.kind.rawValue, payload: entry.payload)
  }
}

extension LogEntry {
  /// `nil` where a newer program wrote a kind of entry that this one doesn't know.
  init?(_ record: LogRecord) {
    guard let kind = Kind(rawValue: record.kind) else { return nil }
    self.init(term: record.term, index: record.index, kind: kind, payload: record.payload)
  }
}

extension LogVote {
  init(_ state: HardState) {
    self.init(term: state.term, vote: state.vote, commit: state.commit)
  }
}
