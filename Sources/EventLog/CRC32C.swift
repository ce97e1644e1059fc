import CChecksum

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4: reflected polynomial 0x82F63B78), eight bytes a
/// step: by the processor's instruction where it has one, otherwise by tables.
package enum CRC32C {
  private static let hasInstruction = taffrail_has_crc32c() != 0

  /// Table k holds, at k * 256 + byte, the effect of a byte that is followed by k zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? (value >> 1) ^ 0x82F6_3B78 : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<tables.count {
      let previous = tables[index - 256]
      tables[index] = (previous >> 8) ^ tables[Int(previous & 0xFF)]
    }
    return tables
  }()

  /// - Parameter previous: the checksum of the bytes before these; 0: there are none.
  package static func checksum(
    _ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0
  ) -> UInt32 {
    guard hasInstruction, let start = bytes.baseAddress else {
      return checksumByTables(bytes, continuing: previous)
    }
    return taffrail_crc32c(previous ^ 0xFFFF_FFFF, start, bytes.count) ^ 0xFFFF_FFFF
  }

  static func checksumByTables(
    _ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0
  ) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      var crc = previous ^ 0xFFFF_FFFF
      var offset = 0
      let count = bytes.count
      while count - offset >= 8 {
        let word = UInt64(
          littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let low = UInt32(truncatingIfNeeded: word) ^ crc
        let high = UInt32(truncatingIfNeeded: word >> 32)
        let first =
          tables[1792 &+ Int(low & 0xFF)] ^ tables[1536 &+ Int((low >> 8) & 0xFF)]
          ^ tables[1280 &+ Int((low >> 16) & 0xFF)] ^ tables[1024 &+ Int(low >> 24)]
        let second =
          tables[768 &+ Int(high & 0xFF)] ^ tables[512 &+ Int((high >> 8) & 0xFF)]
          ^ tables[256 &+ Int((high >> 16) & 0xFF)] ^ tables[Int(high >> 24)]
        crc = first ^ second
        offset &+= 8
      }
      while offset < count {
        crc = (crc >> 8) ^ tables[Int((crc ^ UInt32(bytes[offset])) & 0xFF)]
        offset &+= 1
      }
      return crc ^ 0xFFFF_FFFF
    }
  }

  static func checksum(_ bytes: [UInt8], in range: Range<Int>) -> UInt32 {
    bytes.withUnsafeBytes { checksum(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }
}
