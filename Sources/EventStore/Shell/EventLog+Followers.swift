import EventLog
import Raft

extension EventLog {
  /// What this log has of the entries that a follower lacks; `nil` where it begins after them, or
  /// where one of them is of a kind that this program doesn't know.
  public func read(_ request: EntriesRequest) throws(LogError) -> EntriesRead? {
    guard let previousTerm = term(at: request.after) else { return nil }
    var read = EntriesRead(previousTerm: previousTerm, entries: [])
    guard request.through > request.after else { return read }
    let records = try records(
      from: request.after + 1, through: request.through, maximumBytes: request.maximumBytes)
    guard !records.isEmpty else { return nil }
    read.entries.reserveCapacity(records.count)
    for record in records {
      guard let entry = LogEntry(record) else { return nil }
      read.entries.append(entry)
    }
    return read
  }
}
