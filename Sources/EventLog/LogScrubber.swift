/// Reads a log's old segments again, to find damage while peers and a newer state still have what
/// they hold. Changes nothing; may run beside the one that writes, on a disk of its own.
public enum LogScrubber {
  /// The segments that get no more appended, oldest first.
  public static func oldSegments<D: Disk>(_ disk: D) throws(LogError) -> [UInt64] {
    let names = try disk.attempt { (disk) throws(DiskError) in try disk.list() }
    let present = names.compactMap { SegmentHeader.sequence(of: $0) }.sorted()
    return present.dropLast()
  }

  /// Checks one segment, every byte of it, in pieces with a pause after each.
  ///
  /// - Parameter pause: called after each MiB; false ends the check.
  /// - Returns: what is wrong; `nil` where nothing is, or where it was removed meanwhile.
  public static func check<D: Disk>(
    _ disk: D, _ sequence: UInt64, pause: () -> Bool
  ) throws(LogError) -> LogVerification.Problem? {
    let name = SegmentHeader.name(sequence)
    do {
      var bytes: [UInt8] = []
      while true {
        let piece = try disk.readChecked(name, at: bytes.count, count: 1 << 20)
        bytes += piece
        if piece.count < 1 << 20 { break }
        if !pause() { return nil }
      }
      var scanner = try SegmentScanner(name: name, bytes: bytes)
      guard scanner.header.sequence == sequence else {
        return .init(segment: name, offset: 32, reason: "it has another segment's name")
      }
      if let problem = scanner.scan({ _, _ in nil }) {
        return .init(segment: name, offset: problem.offset, reason: problem.reason)
      }
      // Zeros at its end are nothing wrong by themselves: what follows tells what must be there.
      let next = try disk.readChecked(
        SegmentHeader.name(sequence + 1), at: 0, count: SegmentHeader.size)
      let header = try SegmentHeader.decode(next, segment: SegmentHeader.name(sequence + 1))
      guard header.isReset || header.chain == scanner.chain else {
        return .init(
          segment: name, offset: scanner.end, reason: "it lacks its last records")
      }
      return nil
    } catch {
      switch error {
      case .damaged(let segment, let offset, let reason):
        return .init(segment: segment, offset: offset, reason: reason)
      case .disk(let failure) where failure.kind == .missing: return nil
      default: throw error
      }
    }
  }

  /// The sequence number of a segment, by the name that a problem tells.
  public static func sequence(of segment: String) -> UInt64? {
    SegmentHeader.sequence(of: segment)
  }
}

extension EventLog {
  /// Sets a damaged segment aside, with a name that tells so, and removes those before it, where
  /// a durable state has all their entries.
  ///
  /// - Returns: false where it does not (yet), or the segment is still being written.
  public mutating func setAside(
    segment sequence: UInt64, coveredBy index: UInt64
  ) throws(LogError) -> Bool {
    try checkFailure()
    guard let position = segments.firstIndex(where: { $0.sequence == sequence }),
      position < segments.count - 1
    else { return false }
    for segment in segments[...position] {
      if let last = self.index.lastEntry(in: segment.sequence), last > index { return false }
    }
    let name = SegmentHeader.name(sequence)
    // First the name: a crash then leaves a segment missing, which the next start makes up for.
    try synchronize { (disk) throws(DiskError) in
      try disk.rename(name, to: name + LogRepair.damagedSuffix)
      try disk.syncDirectory()
    }
    var updated = manifest
    updated.oldest = segments[position + 1].sequence
    updated.newest = segments[segments.count - 1].sequence
    try write(updated)
    let removed = segments[..<position]
    segments.removeFirst(position + 1)
    self.index.remove(segmentsBefore: updated.oldest)
    for segment in removed { try? disk.remove(segment.name) }
    try synchronize { (disk) throws(DiskError) in try disk.syncDirectory() }
    return true
  }
}
