import Foundation

/// Keeps other replicas, of this or another process, out of a folder.
///
/// `@unchecked Sendable`: the descriptor is under the monitor's lock.
final class DirectoryLock: @unchecked Sendable {
  private let monitor = Monitor()
  private var descriptor: Int32

  init(folder: String) throws(ReplicaStartError) {
    let path = folder + "/lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw ReplicaStartError("can't open \(path): \(errnoText())") }
    // flock belongs to the open file, so a second replica in this process is refused too. Whoever only
    // looks whether the folder is in use holds it for an instant.
    var attempts = 20
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      attempts -= 1
      if attempts > 0 {
        usleep(10_000)
        continue
      }
      close(descriptor)
      descriptor = -1
      throw ReplicaStartError(
        "\(folder) is in use by another replica; stop it first, or give this one its own folder")
    }
  }

  deinit { release() }

  func release() {
    monitor.withLock {
      guard descriptor >= 0 else { return }
      // Not by closing alone: a process that is just being started has a copy until it runs.
      flock(descriptor, LOCK_UN)
      close(descriptor)
      descriptor = -1
    }
  }
}
