import EventLog
import Foundation

/// A backup's bytes: the header, then a database in compressed blocks, then the end.
///
/// A block is 12 bytes (its length before and after compression, CRC-32C of the bytes before it),
/// then what LZ4 made of them. The end is a block of length 0 whose checksum is that of all the
/// blocks' checksums, so that a backup that was cut between two blocks is noticed.
enum BackupFile {
  private static let maximumCompressed = SnapshotBlock.maximumBytes + (64 << 10)

  /// Writes the database at `database` into a new file. It appears under its name only when it is
  /// complete and durable.
  static func write(
    _ database: String, header: BackupHeader, to file: String
  ) throws(BackupError) {
    guard let source = FileHandle(forReadingAtPath: database) else {
      throw BackupError("\(database) can't be opened: \(errnoText())")
    }
    defer { try? source.close() }
    let temporary = file + ".incomplete"
    _ = FileManager.default.createFile(
      atPath: temporary, contents: nil, attributes: [.posixPermissions: 0o600])
    guard let target = FileHandle(forWritingAtPath: temporary) else {
      throw BackupError("\(temporary) can't be written: \(errnoText())")
    }
    do {
      defer { try? target.close() }
      try target.truncate(atOffset: 0)
      try target.write(contentsOf: header.encoded())
      var checksums: [UInt8] = []
      while let data = try source.read(upToCount: SnapshotBlock.maximumBytes), !data.isEmpty {
        let block = SnapshotBlock(Array(data))
        var bytes: [UInt8] = []
        bytes.append32(UInt32(block.originalCount))
        bytes.append32(UInt32(block.compressed.count))
        bytes.append32(block.checksum)
        checksums.append32(block.checksum)
        try target.write(contentsOf: bytes + block.compressed)
      }
      var end: [UInt8] = []
      end.append32(0)
      end.append32(0)
      end.append32(checksums.withUnsafeBytes { CRC32C.checksum($0) })
      try target.write(contentsOf: end)
      try target.synchronize()
    } catch {
      unlink(temporary)
      throw BackupError("\(temporary) can't be written: \(error.localizedDescription)")
    }
    guard rename(temporary, file) == 0 else {
      throw BackupError("\(temporary) can't be renamed to \(file): \(errnoText())")
    }
    let folder = Glibc.open(
      (file as NSString).deletingLastPathComponent.isEmpty
        ? "." : (file as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      _ = fsync(folder)
      close(folder)
    }
  }

  /// Checks every byte of a backup, and writes its database to `database`, if wanted.
  static func read(_ file: String, to database: String?) throws(BackupError) -> BackupHeader {
    guard let source = FileHandle(forReadingAtPath: file) else {
      throw BackupError("\(file) can't be opened: \(errnoText())")
    }
    defer { try? source.close() }
    var offset = 0
    func take(_ count: Int) throws(BackupError) -> [UInt8] {
      let data: Data
      do { data = try source.read(upToCount: count) ?? Data() } catch {
        throw BackupError("\(file) can't be read at byte \(offset): \(error.localizedDescription)")
      }
      guard data.count == count else {
        throw BackupError("\(file) is incomplete: it ends at byte \(offset + data.count)")
      }
      offset += count
      return Array(data)
    }
    func damaged(_ at: Int) -> BackupError {
      BackupError("\(file) is damaged: the block at byte \(at) is not what was written")
    }
    let header = try BackupHeader(try take(BackupHeader.size), file: file)
    var target: FileHandle?
    if let database {
      _ = FileManager.default.createFile(
        atPath: database, contents: nil, attributes: [.posixPermissions: 0o600])
      target = FileHandle(forWritingAtPath: database)
      if target == nil { throw BackupError("\(database) can't be written: \(errnoText())") }
    }
    defer { try? target?.close() }
    var written: UInt64 = 0
    var checksums: [UInt8] = []
    while true {
      let start = offset
      let frame = try take(12)
      let original = Int(frame.read32(at: 0))
      let compressed = Int(frame.read32(at: 4))
      let checksum = frame.read32(at: 8)
      if original == 0 {
        guard compressed == 0, checksum == checksums.withUnsafeBytes({ CRC32C.checksum($0) }),
          written == header.byteCount
        else { throw damaged(start) }
        break
      }
      guard original <= SnapshotBlock.maximumBytes, compressed <= maximumCompressed else {
        throw damaged(start)
      }
      let block = SnapshotBlock(
        originalCount: original, checksum: checksum, compressed: try take(compressed))
      guard let bytes = block.decompressed() else { throw damaged(start) }
      checksums.append32(checksum)
      written += UInt64(bytes.count)
      do { try target?.write(contentsOf: bytes) } catch {
        throw BackupError(
          "\(database ?? "") can't be written: \(error.localizedDescription)")
      }
    }
    return header
  }
}
