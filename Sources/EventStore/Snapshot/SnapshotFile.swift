import EventLog
import Foundation
import Raft

/// A state on its way, as a file, and beside it a file that tells its identity: so that a stream
/// goes on after a broken connection, and after a restart of either side.
struct SnapshotFile: Sendable {
  struct Problem: Error, CustomStringConvertible { var description: String }

  /// How long one is kept that nobody goes on with.
  static let keptSeconds: Int64 = 1_800

  var path: String

  var identityPath: String { path + "-about" }

  /// Which state it is; `nil` where there is none, or an unknown one.
  var identity: SnapshotIdentity? {
    guard access(path, R_OK | W_OK) == 0,
      let text = try? String(contentsOfFile: identityPath, encoding: .utf8)
    else { return nil }
    return SnapshotIdentity(text: text)
  }

  func setIdentity(_ identity: SnapshotIdentity) throws(Problem) {
    do {
      try identity.text.write(toFile: identityPath, atomically: true, encoding: .utf8)
    } catch { throw Problem(description: "can't write \(identityPath): \(errnoText())") }
  }

  func remove() {
    unlink(identityPath)
    unlink(path)
    Projection.removeCompanions(of: path)
  }

  /// Whether nobody has gone on with it for long.
  func isStale(now: Int64 = Int64(time(nil))) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return true }
    return now - Int64(status.st_mtim.tv_sec) > Self.keptSeconds
  }

  var byteCount: UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(max(0, status.st_size)) : nil
  }

  /// The checksum of the first `count` bytes, read piece by piece.
  func checksum(first count: UInt64) throws(Problem) -> UInt32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Problem(description: "can't open \(path): \(errnoText())")
    }
    defer { close(descriptor) }
    var (offset, checksum) = (UInt64(0), UInt32(0))
    while offset < count {
      let wanted = Int(min(count - offset, UInt64(SnapshotBlock.maximumBytes)))
      let bytes = try Self.read(descriptor, at: offset, count: wanted)
      checksum = bytes.withUnsafeBytes { CRC32C.checksum($0, continuing: checksum) }
      offset += UInt64(bytes.count)
    }
    return checksum
  }

  /// Exactly `count` bytes.
  static func read(
    _ descriptor: Int32, at offset: UInt64, count: Int
  ) throws(Problem) -> [UInt8] {
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      while done < count {
        let result = pread(
          descriptor, buffer.baseAddress.map { $0 + done }, count - done,
          off_t(offset) + off_t(done))
        if result < 0, errno == EINTR { continue }
        if result <= 0 { break }
        done += result
      }
    }
    guard bytes.count == count else {
      throw Problem(description: "can't read the state at byte \(offset): \(errnoText())")
    }
    return bytes
  }
}
