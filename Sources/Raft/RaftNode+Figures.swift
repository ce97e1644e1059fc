extension RaftNode {
  /// Up to here entries are known to be committed.
  public var commit: LogIndex { log.committed }

  /// Bytes of the entries that are on their way to a follower and not acknowledged; 0 where this
  /// replica does not lead.
  public func bytesInFlight(to peer: ReplicaID) -> Int {
    guard role == .leader, let position = position(of: peer), peer != id else { return 0 }
    let first = max(progress[position].match, log.base) + 1
    guard progress[position].next > first else { return 0 }
    let count = progress[position].next - first
    return log.entries(from: first, maximumBytes: .max).prefix(Int(clamping: count))
      .reduce(0) { $0 + $1.payload.count }
  }
}
