import EventLog
import Foundation
import Keyspace

/// What a backup could not do, and what to do about it.
public struct BackupError: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}

/// What a backup is, as its first bytes say: 96 bytes, little endian, described in
/// `Docs/log-format.md`.
public struct BackupHeader: Sendable, Hashable {
  static let magic = Array("TAFFBAK\n".utf8)
  static let version: UInt64 = 1
  static let size = 96

  /// Tells backups apart, so that an incremental one finds the one that it goes on from.
  public var id: UInt64
  public var clusterID: UInt64
  /// Of the one that this goes on from; 0: this one is full.
  public var baseID: UInt64
  /// The newest revision in the backup that this goes on from; 0 for a full one.
  public var since: Revision
  /// The one revision as of which everything in it is.
  public var revision: Revision
  public var stateHash: UInt64
  /// When it was made, since 1970.
  public var timeMilliseconds: UInt64
  /// Bytes of the database in it, before compression.
  public var byteCount: UInt64

  public var isIncremental: Bool { baseID != 0 }

  func encoded() -> [UInt8] {
    var bytes = Self.magic
    for word in [
      Self.version, id, clusterID, baseID, since, revision, stateHash, timeMilliseconds, byteCount,
    ] {
      bytes.appendWord(word)
    }
    bytes.appendWord(0)
    bytes.append32(0)
    bytes.append32(bytes.withUnsafeBytes { CRC32C.checksum($0) })
    return bytes
  }

  init(
    id: UInt64, clusterID: UInt64, baseID: UInt64, since: Revision, revision: Revision,
    stateHash: UInt64, timeMilliseconds: UInt64, byteCount: UInt64
  ) {
    self.id = id
    self.clusterID = clusterID
    self.baseID = baseID
    self.since = since
    self.revision = revision
    self.stateHash = stateHash
    self.timeMilliseconds = timeMilliseconds
    self.byteCount = byteCount
  }

  /// - Throws: where these are not a backup's first bytes.
  init(_ bytes: [UInt8], file: String) throws(BackupError) {
    guard bytes.count == Self.size, Array(bytes[..<8]) == Self.magic else {
      throw BackupError("\(file) is no backup")
    }
    let checksum = bytes[..<(Self.size - 4)].withUnsafeBytes { CRC32C.checksum($0) }
    guard checksum == bytes.read32(at: Self.size - 4) else {
      throw BackupError("\(file) is damaged: its header's checksum is wrong")
    }
    guard bytes.readWord(at: 8) == Self.version else {
      throw BackupError(
        "\(file) has version \(bytes.readWord(at: 8)), which this program does not know; was it "
          + "made by a newer one?")
    }
    id = bytes.readWord(at: 16)
    clusterID = bytes.readWord(at: 24)
    baseID = bytes.readWord(at: 32)
    since = bytes.readWord(at: 40)
    revision = bytes.readWord(at: 48)
    stateHash = bytes.readWord(at: 56)
    timeMilliseconds = bytes.readWord(at: 64)
    byteCount = bytes.readWord(at: 72)
  }

  /// Reads the header of a backup.
  public static func read(_ file: String) throws(BackupError) -> BackupHeader {
    guard let handle = FileHandle(forReadingAtPath: file) else {
      throw BackupError("\(file) can't be opened: \(errnoText())")
    }
    defer { try? handle.close() }
    return try BackupHeader(Array((try? handle.read(upToCount: size)) ?? Data()), file: file)
  }
}

extension [UInt8] {
  mutating func appendWord(_ value: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  mutating func append32(_ value: UInt32) {
    for shift in stride(from: 0, to: 32, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
    }
  }

  func readWord(at offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(self[offset + $1]) << UInt64($1 * 8) }
  }

  func read32(at offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(self[offset + $1]) << UInt32($1 * 8) }
  }
}
