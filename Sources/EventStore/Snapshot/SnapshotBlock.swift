import CLZ4
import EventLog

/// A piece of a streamed state, compressed with LZ4.
struct SnapshotBlock: Sendable, Hashable {
  /// Bytes of a block before compression, at most.
  static let maximumBytes = 512 << 10

  var originalCount: Int
  /// CRC-32C of the compressed bytes: of the original ones it would miss damage that happens to
  /// decompress to the same.
  var checksum: UInt32
  var compressed: [UInt8]

  init(originalCount: Int, checksum: UInt32, compressed: [UInt8]) {
    self.originalCount = originalCount
    self.checksum = checksum
    self.compressed = compressed
  }

  init(_ bytes: [UInt8]) {
    precondition(bytes.count <= Self.maximumBytes, "a block is cut to its size")
    originalCount = bytes.count
    let bound = Int(LZ4_compressBound(Int32(bytes.count)))
    compressed = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      count = bytes.withUnsafeBytes { source in
        buffer.withMemoryRebound(to: CChar.self) { target in
          guard let from = source.baseAddress, let to = target.baseAddress else { return 0 }
          return Int(
            LZ4_compress_default(
              from.assumingMemoryBound(to: CChar.self), to, Int32(bytes.count), Int32(bound)))
        }
      }
    }
    checksum = compressed.withUnsafeBytes { CRC32C.checksum($0) }
  }

  /// The original bytes; `nil` where these are not they.
  func decompressed() -> [UInt8]? {
    guard originalCount > 0, originalCount <= Self.maximumBytes, !compressed.isEmpty,
      compressed.count <= Int(LZ4_compressBound(Int32(Self.maximumBytes))),
      compressed.withUnsafeBytes({ CRC32C.checksum($0) }) == checksum
    else { return nil }
    let bytes = [UInt8](unsafeUninitializedCapacity: originalCount) { buffer, count in
      let result = compressed.withUnsafeBytes { source -> Int32 in
        buffer.withMemoryRebound(to: CChar.self) { target in
          guard let from = source.baseAddress, let to = target.baseAddress else { return -1 }
          return LZ4_decompress_safe(
            from.assumingMemoryBound(to: CChar.self), to, Int32(compressed.count),
            Int32(originalCount))
        }
      }
      count = max(0, Int(result))
    }
    return bytes.count == originalCount ? bytes : nil
  }
}
