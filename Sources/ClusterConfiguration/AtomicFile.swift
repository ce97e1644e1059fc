import Foundation

/// Writes files so that a reader, or a crash, sees the old content or the new and nothing between.
public enum AtomicFile {
  /// Writes `contents` to a new file beside `path` and renames it into place; synced both times.
  ///
  /// - Throws: `HomeError` with the system's reason.
  public static func write(_ contents: String, to path: String, mode: mode_t) throws {
    let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw failure(path, "can't be written") }
    var isPlaced = false
    defer {
      if !isPlaced { unlink(temporary) }
    }
    do {
      defer { close(descriptor) }
      // open() takes the umask off; the mode is to be exactly what was asked for.
      guard fchmod(descriptor, mode) == 0 else { throw failure(path, "can't be protected") }
      var bytes = Array(contents.utf8)[...]
      while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw failure(path, "can't be written") }
        bytes = bytes.dropFirst(count)
      }
      guard fsync(descriptor) == 0 else { throw failure(path, "can't be synced") }
    }
    guard rename(temporary, path) == 0 else { throw failure(path, "can't be replaced") }
    isPlaced = true
    let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  /// The text of the file at `path`, nil if there is none. Reads at most 1 MiB.
  ///
  /// - Throws: `HomeError` if it is there but can't be read as text.
  public static func read(_ path: String) throws -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw failure(path, "can't be read")
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    let data: Data
    do {
      data = try handle.read(upToCount: 1 << 20) ?? Data()
    } catch {
      throw HomeError(path: path, message: "can't be read")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw HomeError(path: path, message: "is not text")
    }
    return text
  }

  /// Makes the folder and those above it, for the owner only.
  public static func createFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw HomeError(path: path, message: "can't be made a folder: \(reason(errno))")
    }
  }

  static func failure(_ path: String, _ message: String) -> HomeError {
    HomeError(path: path, message: "\(message): \(reason(errno))")
  }

  static func reason(_ code: Int32) -> String {
    String(cString: strerror(code))
  }
}
