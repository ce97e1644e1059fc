/// Reads one segment from its beginning, as far as it is right.
struct SegmentScanner {
  struct Problem: Sendable, Hashable {
    /// Where the bad block begins.
    var block: Int
    /// The first byte that is known to be bad.
    var offset: Int
    var reason: String
    /// An unsynced write that a crash interrupted can look like this.
    var isTorn: Bool
  }

  let name: String
  let bytes: [UInt8]
  let header: SegmentHeader
  /// After the last block that is right.
  private(set) var end = SegmentHeader.size
  private(set) var chain: UInt64

  init(name: String, bytes: [UInt8]) throws(LogError) {
    self.name = name
    self.bytes = bytes
    header = try SegmentHeader.decode(bytes, segment: name)
    chain = header.chain
  }

  /// Visits each block; the visitor returns what it finds wrong, if anything.
  ///
  /// - Returns: what is wrong with the first block that is not right; `nil` at the end.
  mutating func scan(_ visit: (Block, _ offset: Int) -> String?) -> Problem? {
    while end < bytes.count {
      if hasOnlyZeros(from: end) { return nil }
      do {
        let block = try Block.read(bytes, at: end, after: chain)
        if let reason = visit(block, end) {
          return Problem(block: end, offset: end, reason: reason, isTorn: false)
        }
        end += block.size
        chain = block.chain
      } catch {
        let torn = canBeTorn(at: end)
        return Problem(
          block: end, offset: error.offset,
          reason: error.reason, isTorn: torn)
      }
    }
    return nil
  }

  /// Whether the last right block is the file's end, rather than space that was written ahead, or
  /// something wrong.
  var reachesEnd: Bool { end == bytes.count }

  /// Space that was written ahead, so that later writes don't make the file longer.
  private func hasOnlyZeros(from start: Int) -> Bool {
    // A segment's first block is there before the segment gets its name.
    guard start > SegmentHeader.size else { return false }
    return bytes.withUnsafeBytes { bytes in
      var position = start
      while position + 8 <= bytes.count {
        if bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) != 0 { return false }
        position += 8
      }
      return bytes[position...].allSatisfy { $0 == 0 }
    }
  }

  /// What a disk writes whole or not at all.
  private static let sector = 512

  /// Whether the bad block at `offset` can be a write that a crash interrupted before it was
  /// synced, rather than damage to what once was synced.
  ///
  /// Damage is certain where a later block says that more than `offset` was synced when it was
  /// written. Without such a block, an interrupted write lacks its end or whole sectors, which
  /// then read as zeros; anything else that still shows its beginning was complete, and has
  /// changed since.
  private func canBeTorn(at offset: Int) -> Bool {
    // A segment's first block is synced before the segment gets its name.
    if offset == SegmentHeader.size { return false }
    let header = BlockHeader.decode(bytes, at: offset)
    let blockEnd = header.map { offset + BlockHeader.size + $0.storedLength }
    if wasSynced(beyond: offset, searchingFrom: blockEnd ?? offset + 1) { return false }
    if let blockEnd { return blockEnd > bytes.count || lacksSector(offset..<blockEnd) }
    let headerEnd = offset + BlockHeader.size
    guard headerEnd <= bytes.count else { return true }
    let showsBeginning =
      bytes.integer(at: offset, as: UInt32.self) == BlockHeader.marker
      || bytes.integer(at: offset + 16, as: UInt64.self) == chain
    return !showsBeginning || lacksSector(offset..<headerEnd)
  }

  private func lacksSector(_ range: Range<Int>) -> Bool {
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(range.upperBound, (start / Self.sector + 1) * Self.sector)
      if bytes[start..<end].allSatisfy({ $0 == 0 }) { return true }
      start = end
    }
    return false
  }

  private func wasSynced(beyond offset: Int, searchingFrom start: Int) -> Bool {
    let first = UInt8(truncatingIfNeeded: BlockHeader.marker)
    var position = start
    while position <= bytes.count - BlockHeader.size {
      if bytes[position] == first, let header = BlockHeader.decode(bytes, at: position),
        header.syncedLength > offset, header.syncedLength <= position
      {
        return true
      }
      position += 1
    }
    return false
  }
}
