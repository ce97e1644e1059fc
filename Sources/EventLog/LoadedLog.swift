/// A log as read from its files, which stay as they are.
struct LoadedLog {
  struct Segment: Sendable, Hashable {
    var sequence: UInt64
    /// Bytes up to the end of the last right block.
    var size: Int
    /// Bytes in the file.
    var fileSize: Int
    var name: String { SegmentHeader.name(sequence) }
  }

  var manifest: LogManifest
  /// In order; empty where the making of the log was interrupted.
  var segments: [Segment] = []
  var index = LogIndex(base: LogPosition())
  var vote = LogVote()
  var chain: UInt64 = 0
  var tornTail: LogRecovery.TornTail?
  /// Files that are void.
  var leftovers: [String] = []

  /// Reads and checks all of the log; `nil` where there is none.
  ///
  /// - Parameter start: the segment to begin with, in place of the manifest's oldest.
  static func read<D: Disk>(_ disk: D, from start: UInt64? = nil) throws(LogError) -> LoadedLog? {
    let names = try disk.attempt { (disk) throws(DiskError) in try disk.list() }
    let found = names.compactMap { SegmentHeader.sequence(of: $0) }.sorted()
    let temporary = names.filter { $0.hasPrefix("log-") && $0.hasSuffix(".tmp") }
    guard names.contains(LogManifest.name) else {
      if found.isEmpty { return nil }
      throw .missingSegment(LogManifest.name)
    }
    let bytes = try disk.readChecked(LogManifest.name, at: 0, count: LogManifest.size + 1)
    var log = LoadedLog(manifest: try LogManifest.decode(bytes))
    if let start { log.manifest.oldest = max(log.manifest.oldest, start) }
    let listed = found.filter { $0 >= log.manifest.oldest }
    let inForce = try log.segmentsInForce(disk, listed)
    log.leftovers =
      temporary
      + found.filter { $0 < inForce.first ?? log.manifest.oldest }
      .map(SegmentHeader.name)
    for sequence in inForce {
      try log.readSegment(disk, sequence, isLast: sequence == inForce.last)
    }
    return log
  }

  /// Checks that no segment is missing, and drops those before a restart of the log.
  private func segmentsInForce<D: Disk>(
    _ disk: D, _ listed: [UInt64]
  ) throws(LogError) -> [UInt64] {
    guard let newest = listed.last else {
      if manifest.newest >= manifest.oldest {
        throw .missingSegment(SegmentHeader.name(manifest.oldest))
      }
      return []
    }
    if newest < manifest.newest { throw .missingSegment(SegmentHeader.name(newest + 1)) }
    var kept = listed[...]
    for (position, sequence) in listed.enumerated().reversed() {
      let name = SegmentHeader.name(sequence)
      let bytes = try disk.readChecked(name, at: 0, count: SegmentHeader.size)
      if try SegmentHeader.decode(bytes, segment: name).isReset {
        kept = listed[position...]
        break
      }
    }
    var expected = kept.startIndex == 0 ? manifest.oldest : kept[kept.startIndex]
    for sequence in kept {
      if sequence != expected { throw .missingSegment(SegmentHeader.name(expected)) }
      expected += 1
    }
    return Array(kept)
  }

  private mutating func readSegment<D: Disk>(
    _ disk: D, _ sequence: UInt64, isLast: Bool
  ) throws(LogError) {
    let name = SegmentHeader.name(sequence)
    let bytes = try disk.readChecked(name)
    var scanner = try SegmentScanner(name: name, bytes: bytes)
    try begin(scanner.header, sequence, name)
    let problem = scanner.scan { block, offset in take(block, sequence, offset) }
    if let problem {
      guard isLast, problem.isTorn else {
        throw .damaged(segment: name, offset: problem.offset, reason: problem.reason)
      }
      tornTail = LogRecovery.TornTail(
        segment: name, offset: problem.block, bytes: bytes.count - problem.block,
        reason: problem.reason)
    }
    chain = scanner.chain
    segments.append(Segment(sequence: sequence, size: scanner.end, fileSize: bytes.count))
  }

  private mutating func begin(
    _ header: SegmentHeader, _ sequence: UInt64, _ name: String
  ) throws(LogError) {
    guard header.clusterID == manifest.clusterID else {
      throw .otherCluster(found: header.clusterID, expected: manifest.clusterID)
    }
    guard header.replicaID == manifest.replicaID else {
      throw .otherReplica(found: header.replicaID, expected: manifest.replicaID)
    }
    guard header.sequence == sequence else {
      throw .damaged(
        segment: name, offset: 32,
        reason: "it is \(SegmentHeader.name(header.sequence)) under another name")
    }
    if let before = segments.last {
      // Whole blocks that are missing at a segment's end show only here.
      guard header.chain == chain, header.base == index.last else {
        throw .damaged(
          segment: before.name, offset: before.size,
          reason: "it ends at entry \(index.last.index), but the next segment continues "
            + "another record, after entry \(header.base.index)")
      }
    } else {
      index = LogIndex(base: header.base)
    }
  }

  /// Checks that `entry`, which was synced once, is here, if the log begins before it.
  func check(reaching entry: LogPosition) throws(LogError) {
    guard entry.index >= index.base.index, let last = segments.last else { return }
    guard entry.index > index.last.index else {
      if index.term(at: entry.index) == entry.term, vote.term >= entry.term { return }
      throw .damaged(
        segment: last.name, offset: last.size,
        reason: "entry \(entry.index) of term \(entry.term) was applied, but is not in the log")
    }
    throw .damaged(
      segment: last.name, offset: last.size,
      reason: "the log ends with entry \(index.last.index), though \(entry.index) was applied"
        + (tornTail.map { "; \($0.reason)" } ?? ""))
  }

  private mutating func take(_ block: Block, _ segment: UInt64, _ offset: Int) -> String? {
    var entries: ClosedRange<UInt64>?
    for record in block.records {
      let position = LogPosition(index: record.index, term: record.term)
      switch record.type {
      case .vote: vote = record.vote(in: block.content)
      case .end:
        if entries != nil { return "the log is cut in the middle of a block" }
        if let reason = index.cut(to: position) { return reason }
      case .entry:
        if let reason = index.append(position) { return reason }
        entries = (entries?.lowerBound ?? record.index)...record.index
      }
    }
    if let entries {
      index.place(
        LogIndex.BlockPlace(
          segment: segment, offset: offset, size: block.size, first: entries.lowerBound,
          last: entries.upperBound))
    }
    return nil
  }
}

extension Disk {
  /// Reads a file, or a part of it; a sector that can't be read is damage like any other.
  func readChecked(
    _ name: String, at offset: Int = 0, count: Int? = nil
  ) throws(LogError) -> [UInt8] {
    do throws(DiskError) {
      let wanted: Int
      if let count { wanted = count } else { wanted = try size(of: name) }
      return try read(name, at: offset, count: wanted)
    } catch {
      guard error.kind == .input else { throw LogError.from(error) }
      throw .damaged(segment: name, offset: offset, reason: "it can't be read: \(error.message)")
    }
  }

  /// Runs a call of the disk with its error as one of the log.
  func attempt<Result>(
    _ body: (Self) throws(DiskError) -> Result
  ) throws(LogError) -> Result {
    do { return try body(self) } catch { throw LogError.from(error) }
  }
}
