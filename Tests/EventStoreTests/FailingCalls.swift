import CSQLite
import Foundation
import NIOConcurrencyHelpers

/// Makes one system call in a row of them fail.
final class FailingCalls: Sendable {
  private struct State {
    var made = 0
    var failed: String?
  }

  private let number: Int
  private let code: Int32
  private let state = NIOLockedValueBox(State())

  /// - Parameter number: of the call that fails, from 1; 0: none.
  init(number: Int, code: Int32) {
    self.number = number
    self.code = code
  }

  /// Calls until now.
  var made: Int { state.withLockedValue { $0.made } }
  /// Which one failed.
  var failed: String? { state.withLockedValue { $0.failed } }

  /// The error number with which this call fails.
  func next(_ name: String) -> Int32? {
    state.withLockedValue { state in
      state.made += 1
      guard state.made == number else { return nil }
      state.failed = name
      return code
    }
  }
}

/// SQLite's calls of the system for files below a folder, each of which may be made to fail.
///
/// SQLite lets its system calls be replaced for the whole process; what doesn't concern the folder
/// passes. Syncs can't be replaced this way.
enum SQLiteCalls {
  /// The folders that are watched. Tests run at the same time in this process.
  private static let watched = NIOLockedValueBox<[(folder: String, calls: FailingCalls)]>([])

  static func watch(_ folder: String, _ calls: FailingCalls) {
    _ = installed
    watched.withLockedValue { $0.append((folder, calls)) }
  }

  static func unwatch(_ folder: String) {
    watched.withLockedValue { $0.removeAll { $0.folder == folder } }
  }

  fileprivate static func failure(_ name: String, _ descriptor: Int32) -> Int32? {
    let all = watched.withLockedValue { $0 }
    if all.isEmpty { return nil }
    guard
      let path = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/\(descriptor)")
    else { return nil }
    guard let found = all.first(where: { path.hasPrefix($0.folder) }) else { return nil }
    return found.calls.next("\(name) \(path)")
  }

  private static let installed: Bool = {
    guard let vfs = sqlite3_vfs_find(nil), let set = vfs.pointee.xSetSystemCall else {
      return false
    }
    typealias Write = @convention(c) (Int32, UnsafeRawPointer?, Int, off_t) -> Int
    typealias Truncate = @convention(c) (Int32, off_t) -> Int32
    let write: Write = { descriptor, bytes, count, offset in
      if let code = SQLiteCalls.failure("pwrite", descriptor) {
        errno = code
        return -1
      }
      return pwrite(descriptor, bytes, count, offset)
    }
    let truncate: Truncate = { descriptor, size in
      if let code = SQLiteCalls.failure("ftruncate", descriptor) {
        errno = code
        return -1
      }
      return ftruncate(descriptor, size)
    }
    for name in ["pwrite", "pwrite64"] {
      // SQLite calls it with the same parameters, whatever type it is passed as.
      _ = set(vfs, name, unsafeBitCast(write, to: sqlite3_syscall_ptr.self))
    }
    _ = set(vfs, "ftruncate", unsafeBitCast(truncate, to: sqlite3_syscall_ptr.self))
    return true
  }()
}
