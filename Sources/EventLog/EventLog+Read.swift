extension EventLog {
  /// Entries `from` to `through`, as far as the log goes: at least one where there is one, and
  /// not much more than `maximumBytes` of payload (0: no bound).
  ///
  /// - Throws: `compacted` where `from` is no longer kept, `damaged` where what is read is not
  ///   what was written.
  public func records(
    from: UInt64, through: UInt64, maximumBytes: Int
  ) throws(LogError) -> [LogRecord] {
    try BlockReader.records(
      disk: disk, index: index, from: from, through: through, maximumBytes: maximumBytes)
  }
}

/// Reads entries by the index of a log.
enum BlockReader {
  static func records<D: Disk>(
    disk: D, index: LogIndex, from: UInt64, through: UInt64, maximumBytes: Int
  ) throws(LogError) -> [LogRecord] {
    guard from > index.base.index else { throw .compacted(first: index.base.index &+ 1) }
    let through = min(through, index.last.index)
    guard from <= through, var position = index.blockIndex(of: from) else { return [] }
    var found: [LogRecord] = []
    var bytes = 0
    while position < index.blocks.count, index.blocks[position].first <= through {
      let place = index.blocks[position]
      let block = try read(place, disk)
      for record in block.records where record.type == .entry {
        guard record.index >= max(from, place.first), record.index <= min(through, place.last)
        else { continue }
        bytes += record.payload.count
        if maximumBytes > 0, bytes > maximumBytes, !found.isEmpty { return found }
        found.append(
          LogRecord(
            term: record.term, index: record.index, kind: record.kind,
            payload: Array(block.content[record.payload])))
      }
      position += 1
    }
    return found
  }

  private static func read<D: Disk>(
    _ place: LogIndex.BlockPlace, _ disk: D
  ) throws(LogError) -> Block {
    let name = SegmentHeader.name(place.segment)
    let bytes = try disk.attempt { (disk) throws(DiskError) in
      try disk.read(name, at: place.offset, count: place.size)
    }
    do { return try Block.read(bytes, at: 0, after: nil) } catch {
      throw .damaged(segment: name, offset: place.offset + error.offset, reason: error.reason)
    }
  }
}
