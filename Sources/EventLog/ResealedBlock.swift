/// Blocks whose content is changed and whose checksums are right again: what is behind the checksums
/// must bear such bytes too, and is only reached with them.
package enum ResealedBlock {
  /// A segment in which the content of one block was changed.
  ///
  /// - Parameters:
  ///   - number: of the block, counted around.
  ///   - change: of the decompressed content.
  /// - Returns: the segment as it is where it holds no right block.
  package static func changing(
    _ segment: [UInt8], block number: Int, _ change: (inout [UInt8]) -> Void
  ) -> [UInt8] {
    var places: [(offset: Int, block: Block)] = []
    var offset = SegmentHeader.size
    while offset < segment.count, let block = try? Block.read(segment, at: offset, after: nil) {
      places.append((offset, block))
      offset += block.size
    }
    guard !places.isEmpty else { return segment }
    let place = places[number % places.count]
    var content = place.block.content
    change(&content)
    reseal(&content, after: place.block.header.chain)
    var header = place.block.header
    header.storedLength = content.count
    header.contentLength = content.count
    header.isCompressed = false
    header.checksum = CRC32C.checksum(content, in: 0..<content.count)
    return segment[..<place.offset] + header.encoded() + content
      + segment[(place.offset + place.block.size)...]
  }

  /// Corrects what each record says of itself, as far as records can be told apart.
  private static func reseal(_ content: inout [UInt8], after chain: UInt64) {
    var chain = chain
    var offset = 0
    while content.count - offset >= StoredRecord.headerSize {
      let length = Int(content.integer(at: offset + 4, as: UInt32.self))
      guard length <= content.count - offset - StoredRecord.headerSize else { return }
      let payload =
        (offset + StoredRecord.headerSize)..<(offset + StoredRecord.headerSize + length)
      chain = content.withUnsafeBytes { bytes in
        ChainHash.next(
          after: chain, type: bytes[offset + 8], kind: bytes[offset + 9],
          term: bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt64.self),
          index: bytes.loadUnaligned(fromByteOffset: offset + 20, as: UInt64.self),
          payload: UnsafeRawBufferPointer(rebasing: bytes[payload]))
      }
      content.setInteger(chain, at: offset + 28)
      content.setInteger(
        CRC32C.checksum(content, in: (offset + 4)..<payload.upperBound), at: offset)
      offset = payload.upperBound
    }
  }

  /// A manifest or the first bytes of a segment, whose last four bytes are their checksum.
  package static func withChecksum(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > 4 else { return bytes }
    var bytes = bytes
    bytes.setInteger(CRC32C.checksum(bytes, in: 0..<(bytes.count - 4)), at: bytes.count - 4)
    return bytes
  }

  package static let segmentHeaderSize = SegmentHeader.size
}
