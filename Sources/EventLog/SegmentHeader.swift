/// The first bytes of a segment file: whose it is, and where in the log it continues.
struct SegmentHeader: Sendable, Hashable {
  static let size = 80
  static let magic = Array("TAFFSEG\n".utf8)
  static let version: UInt32 = 1

  var clusterID: UInt64
  var replicaID: UInt64
  /// Position among the segments: each is one more than the one before.
  var sequence: UInt64
  /// The log's last entry when the segment was begun.
  var base: LogPosition
  /// The chain's value after the last record of the segment before.
  var chain: UInt64
  /// The log restarts here, after a state that came from a peer: segments before are void.
  var isReset: Bool

  func encoded() -> [UInt8] {
    var bytes = Self.magic
    bytes.appendInteger(Self.version)
    bytes.appendInteger(isReset ? 1 : 0 as UInt32)
    for word in [clusterID, replicaID, sequence, base.index, base.term, chain, 0] {
      bytes.appendInteger(word)
    }
    bytes.appendInteger(0 as UInt32)
    bytes.appendInteger(CRC32C.checksum(bytes, in: 0..<bytes.count))
    return bytes
  }

  static func decode(_ bytes: [UInt8], segment: String) throws(LogError) -> SegmentHeader {
    guard bytes.count >= size else {
      throw .damaged(segment: segment, offset: bytes.count, reason: "the header ends early")
    }
    guard Array(bytes[..<magic.count]) == magic else {
      throw .damaged(segment: segment, offset: 0, reason: "this is not a log segment")
    }
    guard CRC32C.checksum(bytes, in: 0..<(size - 4)) == bytes.integer(at: size - 4) as UInt32
    else {
      throw .damaged(segment: segment, offset: 0, reason: "the header's checksum is wrong")
    }
    let version: UInt32 = bytes.integer(at: 8)
    guard version == Self.version else { throw .unknownVersion(file: segment, version: version) }
    return SegmentHeader(
      clusterID: bytes.integer(at: 16), replicaID: bytes.integer(at: 24),
      sequence: bytes.integer(at: 32),
      base: LogPosition(index: bytes.integer(at: 40), term: bytes.integer(at: 48)),
      chain: bytes.integer(at: 56), isReset: bytes.integer(at: 12) as UInt32 == 1)
  }

  /// So far from the end of the range that counting on never overflows.
  static let maximumSequence: UInt64 = 1 << 62

  static func name(_ sequence: UInt64) -> String { "log-\(Hexadecimal.text(sequence)).seg" }

  /// The sequence number in a segment's file name; `nil` for other files.
  static func sequence(of name: String) -> UInt64? {
    guard name.hasPrefix("log-"), name.hasSuffix(".seg"), name.utf8.count == 24 else { return nil }
    guard let sequence = UInt64(name.dropFirst(4).dropLast(4), radix: 16),
      sequence <= maximumSequence
    else { return nil }
    return Self.name(sequence) == name ? sequence : nil
  }
}
