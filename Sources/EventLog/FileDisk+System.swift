#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension FileDisk {
  static func retrying(_ body: () -> Int32) -> Int32 {
    while true {
      let result = body()
      if result >= 0 || errno != EINTR { return result }
    }
  }

  /// The error that `errno` tells.
  static func error(_ operation: String, _ file: String) -> DiskError {
    let code = errno
    let kind: DiskError.Kind
    switch code {
    case ENOSPC, EDQUOT, EFBIG: kind = .noSpace
    case EIO: kind = .input
    case ENOENT: kind = .missing
    default: kind = .other
    }
    return DiskError(
      kind: kind, operation: operation, file: file, message: String(cString: strerror(code)))
  }

  static func size(of descriptor: Int32, _ name: String) throws(DiskError) -> Int {
    var status = stat()
    if fstat(descriptor, &status) != 0 { throw error("stat", name) }
    return Int(status.st_size)
  }

  /// Makes a directory and those above it.
  static func makeDirectory(_ path: String) throws(DiskError) {
    var prefix = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      prefix += part
      if mkdir(prefix, 0o700) != 0, errno != EEXIST { throw error("make", prefix) }
      prefix += "/"
    }
  }

  /// Takes the directory's lock, which the system gives back when the process ends, however it
  /// does.
  static func takeLock(_ path: String) throws(DiskError) -> Int32 {
    let name = "\(path)/\(lockName)"
    let descriptor = retrying { open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
    guard descriptor >= 0 else { throw error("open", name) }
    if retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 {
      let isHeld = errno == EWOULDBLOCK
      let failure = error("lock", name)
      var text = [UInt8](repeating: 0, count: 32)
      let count = pread(descriptor, &text, text.count, 0)
      close(descriptor)
      guard isHeld else { throw failure }
      let holder = String(decoding: text[..<max(0, count)], as: UTF8.self)
        .filter(\.isNumber)
      throw DiskError(
        kind: .other, operation: "lock", file: path,
        message:
          "the folder is in use by \(holder.isEmpty ? "another process" : "process \(holder)")"
          + "; stop it first, or use another folder")
    }
    let owner = Array("\(getpid())\n".utf8)
    if ftruncate(descriptor, 0) != 0 || pwrite(descriptor, owner, owner.count, 0) < 0 {
      // The lock holds without its owner's name in it, e.g. on a full disk.
      errno = 0
    }
    return descriptor
  }
}
