import Foundation
import Raft

/// A replica's folder: made with mode 0700, used by one process at a time, and marked with the
/// cluster and replica it belongs to.
///
/// Layout: `lock`, `identity`, `log/` (segments), `projection.sqlite` (checkpoint and history).
final class DataDirectory: Sendable {
  let path: String
  private let lock: DirectoryLock

  var logPath: String { path + "/log" }
  var projectionPath: String { path + "/projection.sqlite" }
  var incomingSnapshotPath: String { path + "/snapshot.incoming" }

  /// Whether there is anything in the log's folder.
  var hasLog: Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: logPath)) ?? []
    return names.contains { $0 != "lock" }
  }

  func outgoingSnapshotPath(to peer: UInt64) -> String { path + "/snapshot.outgoing-\(peer)" }

  private init(path: String, lock: DirectoryLock) {
    self.path = path
    self.lock = lock
  }

  /// Lets another replica use the folder.
  func release() { lock.release() }

  static func open(
    path: String, clusterID: UInt64, id: UInt64
  ) throws(ReplicaStartError) -> DataDirectory {
    try make(path)
    let directory = DataDirectory(path: path, lock: try DirectoryLock(folder: path))
    try directory.checkIdentity(clusterID: clusterID, id: id)
    directory.finishReplacingLog()
    try make(directory.logPath)
    directory.removeLeftovers()
    return directory
  }

  private static func make(_ path: String) throws(ReplicaStartError) {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw ReplicaStartError("can't make the data folder \(path): \(error.localizedDescription)")
    }
    guard access(path, R_OK | W_OK | X_OK) == 0 else {
      throw ReplicaStartError("can't read and write the data folder \(path): \(errnoText())")
    }
  }

  /// States on their way when the process ended, but for those that can be gone on with.
  private func removeLeftovers() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    var kept: Set<String> = []
    for name in names where name.hasPrefix("snapshot.") && !name.hasSuffix("-about") {
      let file = SnapshotFile(path: path + "/" + name)
      if file.identity != nil, !file.isStale() { kept.formUnion([name, name + "-about"]) }
    }
    for name in names where name.hasPrefix("snapshot.") && !kept.contains(name) {
      unlink(path + "/" + name)
    }
  }

  // MARK: A new log in place of a damaged one

  private var restoredLogPath: String { path + "/log.restored" }

  /// Makes a log in a folder beside, then puts it in place of the present one, which is renamed.
  func replaceLog(_ body: (_ path: String) throws -> Void) throws {
    let files = FileManager.default
    try? files.removeItem(atPath: restoredLogPath)
    try body(restoredLogPath)
    var number = 1
    while files.fileExists(atPath: "\(logPath).damaged-\(number)") { number += 1 }
    // A power failure between the two leaves no folder `log`; then the next start goes on here.
    try renameDurably(logPath, "\(logPath).damaged-\(number)")
    try renameDurably(restoredLogPath, logPath)
  }

  private func finishReplacingLog() {
    let files = FileManager.default
    guard files.fileExists(atPath: restoredLogPath) else { return }
    if files.fileExists(atPath: logPath) {
      // It was not complete.
      try? files.removeItem(atPath: restoredLogPath)
    } else {
      try? renameDurably(restoredLogPath, logPath)
    }
  }

  private func renameDurably(_ from: String, _ to: String) throws(ReplicaStartError) {
    guard rename(from, to) == 0, syncDirectory() else {
      throw ReplicaStartError("can't rename \(from) to \(to): \(errnoText())")
    }
  }

  // MARK: A state that is wrong

  private var distrustPath: String { path + "/state-distrusted" }

  /// Notes that the state on this disk differs from the peers'. False where it can't be written.
  func distrustState(_ reason: String) -> Bool {
    do { try writeDurably(reason + "\n", to: distrustPath) } catch { return false }
    return true
  }

  /// Why the state is not to be used, if so.
  var stateDistrust: String? {
    (try? String(contentsOfFile: distrustPath, encoding: .utf8))?
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// The state is another one now.
  func trustState() {
    unlink(distrustPath)
    _ = syncDirectory()
  }

  // MARK: A peer's state on its way in

  private var installationPath: String { path + "/snapshot-installing" }

  /// Notes that the state is about to be replaced by one as of `index`, after which the log begins
  /// anew: without the note, a state beyond the log's end is taken for a sign that entries were
  /// lost. False where that can't be written.
  func beginInstallation(index: LogIndex) -> Bool {
    do { try writeDurably("\(index)\n", to: installationPath) } catch { return false }
    return true
  }

  /// The log begins after the state now.
  func endInstallation() {
    unlink(installationPath)
    _ = syncDirectory()
  }

  /// The state whose installation may have been interrupted.
  var interruptedInstallation: LogIndex? {
    (try? String(contentsOfFile: installationPath, encoding: .utf8)).flatMap {
      LogIndex($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  private func checkIdentity(clusterID: UInt64, id: UInt64) throws(ReplicaStartError) {
    let file = path + "/identity"
    let expected = "taffrail replica\ncluster \(clusterID)\nid \(id)\n"
    guard let found = try? String(contentsOfFile: file, encoding: .utf8) else {
      if FileManager.default.fileExists(atPath: file) {
        throw ReplicaStartError("\(file) can't be read; it should hold:\n\(expected)")
      }
      try writeDurably(expected, to: file)
      return
    }
    if found == expected { return }
    let lines = found.split(separator: "\n").map(String.init)
    guard lines.count == 3, lines[0] == "taffrail replica", lines[1].hasPrefix("cluster "),
      lines[2].hasPrefix("id ")
    else {
      throw ReplicaStartError("\(file) is damaged; it should hold:\n\(expected)")
    }
    throw ReplicaStartError(
      "\(path) belongs to \(lines[1]), replica \(lines[2].dropFirst(3)), but this is "
        + "cluster \(clusterID), replica \(id); use the folder of this replica, or an empty one")
  }

  private func writeDurably(_ text: String, to file: String) throws(ReplicaStartError) {
    let temporary = file + ".new"
    let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ReplicaStartError("can't write \(temporary): \(errnoText())")
    }
    defer { close(descriptor) }
    var text = text
    let isWritten = text.withUTF8 { write(descriptor, $0.baseAddress, $0.count) == $0.count }
    guard isWritten, fsync(descriptor) == 0, rename(temporary, file) == 0 else {
      throw ReplicaStartError("can't write \(file): \(errnoText())")
    }
    guard syncDirectory() else {
      throw ReplicaStartError("can't sync \(path): \(errnoText())")
    }
  }

  /// Makes creations and renames in the folder durable.
  func syncDirectory() -> Bool {
    let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return fsync(descriptor) == 0
  }

  /// Bytes that may still be written, and the size of the filesystem; `nil` where unknown.
  func space() -> (free: UInt64, total: UInt64)? {
    var information = statvfs()
    guard statvfs(path, &information) == 0 else { return nil }
    let block = UInt64(information.f_frsize)
    return (UInt64(information.f_bavail) &* block, UInt64(information.f_blocks) &* block)
  }
}

func errnoText() -> String { String(cString: strerror(errno)) }
