import CLZ4

/// The 40 bytes before each block's content.
struct BlockHeader: Sendable, Hashable {
  static let size = 40
  static let marker: UInt32 = 0x4B42_4654  // "TFBK"
  static let maximumContent = 256 << 20

  /// Bytes that follow the header.
  var storedLength: Int
  /// Bytes of the content when decompressed.
  var contentLength: Int
  var isCompressed: Bool
  /// The chain's value before the first record.
  var chain: UInt64
  /// How many bytes of the segment were synced when the block was written.
  var syncedLength: Int
  var checksum: UInt32

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendInteger(Self.marker)
    bytes.appendInteger(UInt32(storedLength))
    bytes.appendInteger(UInt32(contentLength))
    bytes.appendInteger(isCompressed ? 1 : 0 as UInt32)
    bytes.appendInteger(chain)
    bytes.appendInteger(UInt64(syncedLength))
    bytes.appendInteger(checksum)
    bytes.appendInteger(CRC32C.checksum(bytes, in: 0..<bytes.count))
    return bytes
  }

  /// The header at `offset`; `nil` where there is no complete and right one.
  static func decode(_ bytes: [UInt8], at offset: Int) -> BlockHeader? {
    guard bytes.count - offset >= size, bytes.integer(at: offset, as: UInt32.self) == marker,
      CRC32C.checksum(bytes, in: offset..<(offset + size - 4))
        == bytes.integer(at: offset + size - 4, as: UInt32.self)
    else { return nil }
    let synced: UInt64 = bytes.integer(at: offset + 24)
    guard let syncedLength = Int(exactly: synced) else { return nil }
    return BlockHeader(
      storedLength: Int(bytes.integer(at: offset + 4, as: UInt32.self)),
      contentLength: Int(bytes.integer(at: offset + 8, as: UInt32.self)),
      isCompressed: bytes.integer(at: offset + 12, as: UInt32.self) & 1 == 1,
      chain: bytes.integer(at: offset + 16), syncedLength: syncedLength,
      checksum: bytes.integer(at: offset + 32))
  }
}

/// A block as read: everything about it is checked.
struct Block: Sendable {
  var header: BlockHeader
  var content: [UInt8]
  var records: [StoredRecord]
  /// The chain's value after the last record.
  var chain: UInt64

  var size: Int { BlockHeader.size + header.storedLength }

  /// Reads the block at `offset` of `bytes`.
  ///
  /// - Parameter chain: what the chain's value must be there; `nil` trusts the block.
  static func read(
    _ bytes: [UInt8], at offset: Int, after chain: UInt64?
  ) throws(FormatProblem) -> Block {
    guard bytes.count - offset >= BlockHeader.size else {
      throw FormatProblem(offset: offset, reason: "a block's header ends early")
    }
    guard let header = BlockHeader.decode(bytes, at: offset) else {
      throw FormatProblem(offset: offset, reason: "a block's header is wrong")
    }
    let start = offset + BlockHeader.size
    guard bytes.count - start >= header.storedLength else {
      throw FormatProblem(offset: offset, reason: "a block ends early")
    }
    let stored = start..<(start + header.storedLength)
    if CRC32C.checksum(bytes, in: stored) != header.checksum {
      throw FormatProblem(
        offset: firstBadRecord(bytes, in: stored, header) ?? offset,
        reason: "a block's checksum is wrong")
    }
    if let chain, chain != header.chain {
      throw FormatProblem(
        offset: offset, reason: "a block does not continue the chain of those before it")
    }
    guard let content = content(of: bytes, in: stored, header) else {
      throw FormatProblem(offset: offset, reason: "a block can't be decompressed")
    }
    var block = Block(header: header, content: content, records: [], chain: header.chain)
    var position = 0
    while position < content.count {
      do {
        block.records.append(
          try StoredRecord.next(in: content, at: &position, chain: &block.chain))
      } catch {
        // Positions inside of compressed content are none of the file.
        let place = header.isCompressed ? offset : start + error.offset
        throw FormatProblem(offset: place, reason: error.reason)
      }
    }
    return block
  }

  private static func content(
    of bytes: [UInt8], in stored: Range<Int>, _ header: BlockHeader
  ) -> [UInt8]? {
    guard header.isCompressed else {
      return header.contentLength == stored.count ? Array(bytes[stored]) : nil
    }
    guard header.contentLength <= BlockHeader.maximumContent,
      stored.count <= BlockHeader.maximumContent
    else { return nil }
    var decompressed = -1
    let content = bytes.withUnsafeBytes { source in
      [UInt8](unsafeUninitializedCapacity: header.contentLength) { target, count in
        let from = UnsafeRawBufferPointer(rebasing: source[stored])
        decompressed = Int(
          LZ4_decompress_safe(
            from.baseAddress?.assumingMemoryBound(to: CChar.self),
            UnsafeMutableRawPointer(target.baseAddress)?.assumingMemoryBound(to: CChar.self),
            Int32(from.count), Int32(header.contentLength)))
        count = max(0, decompressed)
      }
    }
    return decompressed == header.contentLength ? content : nil
  }

  /// In a block stored as it is, the first record with a wrong checksum is nearer to the fault
  /// than the block's beginning.
  private static func firstBadRecord(
    _ bytes: [UInt8], in stored: Range<Int>, _ header: BlockHeader
  ) -> Int? {
    guard !header.isCompressed else { return nil }
    let content = Array(bytes[stored])
    var chain = header.chain
    var position = 0
    do {
      while position < content.count {
        _ = try StoredRecord.next(in: content, at: &position, chain: &chain)
      }
      return nil
    } catch {
      return stored.lowerBound + error.offset
    }
  }
}
