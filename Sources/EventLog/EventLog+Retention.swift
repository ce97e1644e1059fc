extension EventLog {
  /// Removes segments all of whose entries are before `index`. The last segment stays.
  public mutating func removeSegments(before index: UInt64) throws(LogError) {
    try checkFailure()
    var removed: [LoadedLog.Segment] = []
    for segment in segments.dropLast() {
      if let last = self.index.lastEntry(in: segment.sequence), last >= index { break }
      removed.append(segment)
    }
    guard !removed.isEmpty else { return }
    var updated = manifest
    updated.oldest = segments[removed.count].sequence
    updated.newest = segments[segments.count - 1].sequence
    // First the manifest: a crash then leaves files that are known to be void.
    try write(updated)
    segments.removeFirst(removed.count)
    self.index.remove(segmentsBefore: updated.oldest)
    try remove(removed)
  }

  /// Empties the log, to go on after the entry at `index` of `term`, whose state was installed
  /// from a peer. The vote stays. Durable when it returns; a crash leaves the log as it was or as
  /// it is to be.
  public mutating func reset(toIndex index: UInt64, term: UInt64) throws(LogError) {
    try checkFailure()
    let before = segments
    let base = LogPosition(index: index, term: term)
    try beginSegment(isReset: true, base: base)
    self.index = LogIndex(base: base)
    segments.removeFirst(before.count)
    if manifest.oldest == segments[0].sequence { try remove(before) }
  }

  private mutating func remove(_ removed: [LoadedLog.Segment]) throws(LogError) {
    // A file that stays is removed when the log is opened.
    for segment in removed { try? disk.remove(segment.name) }
    try synchronize { (disk) throws(DiskError) in try disk.syncDirectory() }
  }
}
