/// The file that says which segments there must be, so that a missing first or last one is
/// noticed too, and whose log it is.
struct LogManifest: Sendable, Hashable {
  static let name = "log-manifest"
  static let size = 56
  static let magic = Array("TAFFMAN\n".utf8)
  static let version: UInt32 = 1

  var clusterID: UInt64
  var replicaID: UInt64
  /// Segments below this one are void, and removed if still there.
  var oldest: UInt64
  /// The segments from `oldest` to here exist; below `oldest` while the log is being made. More
  /// may exist, after a crash or where the disk had no space for a newer manifest.
  var newest: UInt64

  func encoded() -> [UInt8] {
    var bytes = Self.magic
    bytes.appendInteger(Self.version)
    bytes.appendInteger(0 as UInt32)
    for word in [clusterID, replicaID, oldest, newest] { bytes.appendInteger(word) }
    bytes.appendInteger(0 as UInt32)
    bytes.appendInteger(CRC32C.checksum(bytes, in: 0..<bytes.count))
    return bytes
  }

  static func decode(_ bytes: [UInt8]) throws(LogError) -> LogManifest {
    guard bytes.count == size, Array(bytes[..<magic.count]) == magic,
      CRC32C.checksum(bytes, in: 0..<(size - 4)) == bytes.integer(at: size - 4) as UInt32
    else {
      throw .damaged(segment: name, offset: 0, reason: "its length or checksum is wrong")
    }
    let version: UInt32 = bytes.integer(at: 8)
    guard version == Self.version else { throw .unknownVersion(file: name, version: version) }
    let manifest = LogManifest(
      clusterID: bytes.integer(at: 16), replicaID: bytes.integer(at: 24),
      oldest: bytes.integer(at: 32), newest: bytes.integer(at: 40))
    guard max(manifest.oldest, manifest.newest) <= SegmentHeader.maximumSequence else {
      throw .damaged(segment: name, offset: 32, reason: "no log has so many segments")
    }
    return manifest
  }

  func check(_ options: LogOptions) throws(LogError) {
    guard clusterID == options.clusterID else {
      throw .otherCluster(found: clusterID, expected: options.clusterID)
    }
    guard replicaID == options.replicaID else {
      throw .otherReplica(found: replicaID, expected: options.replicaID)
    }
  }
}
