import Foundation

/// An advisory lock on a file, held as long as the value lives; freed by the kernel if the process
/// dies.
public final class FileLock: Sendable {
  private let descriptor: Int32

  /// Waits for the lock. Blocks the thread.
  public static func wait(path: String) throws -> FileLock {
    guard let lock = try FileLock(path: path, operation: LOCK_EX) else {
      throw HomeError(path: path, message: "is locked by another process")
    }
    return lock
  }

  /// Nil where another process or another `FileLock` of this one holds it.
  public static func attempt(path: String) throws -> FileLock? {
    try FileLock(path: path, operation: LOCK_EX | LOCK_NB)
  }

  private init?(path: String, operation: Int32) throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw AtomicFile.failure(path, "can't be opened") }
    while flock(descriptor, operation) != 0 {
      if errno == EINTR { continue }
      let code = errno
      close(descriptor)
      if code == EWOULDBLOCK { return nil }
      throw HomeError(path: path, message: "can't be locked: \(AtomicFile.reason(code))")
    }
  }

  deinit {
    // Not by closing alone: a process that is just being started has a copy until it runs.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
