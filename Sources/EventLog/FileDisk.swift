#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A directory as a disk. Used from one thread.
///
/// Opened for writing, it holds a lock on the directory, so that no second process writes there.
public final class FileDisk: Disk {
  public enum Access: Sendable { case exclusive, readOnly }

  private struct OpenFile {
    var descriptor: Int32
    /// Where the next append goes.
    var size: Int
    /// What the file has beyond it was written ahead.
    var allocated: Int
  }

  static let lockName = "lock"
  private static let maximumOpenFiles = 32

  /// Asked before each call that changes something: the error number with which it is to fail,
  /// for tests of what then happens.
  package var failing: (@Sendable (_ operation: String, _ file: String) -> Int32?)?

  /// Zeros written beyond the end of a segment that grows. A sync then has only data to write: a
  /// file that becomes longer with each write costs a commit of the file system's journal each
  /// time, which also writes what others have put into it.
  public var aheadBytes = 0

  private func inject(_ operation: String, _ file: String) throws(DiskError) {
    guard let code = failing?(operation, file) else { return }
    errno = code
    throw Self.error(operation, file)
  }

  public let path: String
  private let access: Access
  private var files: [String: OpenFile] = [:]
  private var lock: Int32 = -1

  /// Opens a directory; for writing it is made where it isn't there.
  ///
  /// - Throws: where another process holds it, an error that names that process.
  public init(path: String, access: Access = .exclusive) throws(DiskError) {
    self.path = path
    self.access = access
    if access == .exclusive {
      try Self.makeDirectory(path)
      lock = try Self.takeLock(path)
    } else {
      var status = stat()
      if stat(path, &status) != 0 { throw Self.error("open", path) }
    }
  }

  deinit {
    for file in files.values {
      // Where it fails, the next start does it.
      if file.allocated > file.size { _ = ftruncate(file.descriptor, off_t(file.size)) }
      close(file.descriptor)
    }
    if lock >= 0 {
      // Not by closing alone: a process that is just being started has a copy until it runs.
      flock(lock, LOCK_UN)
      close(lock)
    }
  }

  public func list() throws(DiskError) -> [String] {
    guard let directory = opendir(path) else { throw Self.error("list", path) }
    defer { closedir(directory) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != "..", name != Self.lockName { names.append(name) }
    }
    if errno != 0 { throw Self.error("list", path) }
    return names
  }

  public func size(of name: String) throws(DiskError) -> Int {
    // Another process may be writing where this one only reads.
    let file = try open(name, create: false)
    return access == .exclusive ? file.size : try Self.size(of: file.descriptor, name)
  }

  public func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    let file = try open(name, create: false)
    let available = max(0, try Self.size(of: file.descriptor, name) - offset)
    let wanted = min(count, available)
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, done in
      while done < wanted {
        let result = pread(
          file.descriptor, buffer.baseAddress.map { $0 + done }, wanted - done,
          off_t(offset + done))
        if result < 0, errno == EINTR { continue }
        if result < 0 { failed = true }
        if result <= 0 { break }
        done += result
      }
    }
    if failed { throw Self.error("read", name) }
    return bytes
  }

  public func append(_ bytes: [UInt8], to name: String) throws(DiskError) {
    try inject("write", name)
    var file = try open(name, create: true)
    var done = 0
    while done < bytes.count {
      let result = bytes.withUnsafeBytes {
        pwrite(
          file.descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done,
          off_t(file.size + done))
      }
      if result < 0, errno == EINTR { continue }
      if result <= 0 { throw Self.error("write", name) }
      done += result
    }
    file.size += bytes.count
    if file.size > file.allocated {
      file.allocated = file.size
      if aheadBytes > 0, SegmentHeader.sequence(of: name) != nil { writeAhead(&file) }
    }
    files[name] = file
  }

  /// Failing, it does no harm: the file then grows with each append.
  private func writeAhead(_ file: inout OpenFile) {
    let zeros = [UInt8](repeating: 0, count: aheadBytes)
    let written = pwrite(file.descriptor, zeros, zeros.count, off_t(file.size))
    if written == zeros.count {
      file.allocated += written
    } else if ftruncate(file.descriptor, off_t(file.size)) != 0 {
      // What was written of it stays: zeros after the end mean nothing.
      file.allocated += max(0, written)
    }
  }

  public func trim(_ name: String) {
    guard var file = files[name], file.allocated > file.size,
      ftruncate(file.descriptor, off_t(file.size)) == 0
    else { return }
    file.allocated = file.size
    files[name] = file
  }

  public func sync(_ name: String) throws(DiskError) {
    try inject("sync", name)
    let file = try open(name, create: false)
    // Not retried after an interruption either: what it left is not known.
    if fdatasync(file.descriptor) != 0 { throw Self.error("sync", name) }
  }

  public func syncDirectory() throws(DiskError) {
    try inject("sync", path)
    let descriptor = Self.retrying { openFile(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw Self.error("sync", path) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 { throw Self.error("sync", path) }
  }

  public func truncate(_ name: String, to size: Int) throws(DiskError) {
    try inject("truncate", name)
    var file = try open(name, create: false)
    if Self.retrying({ ftruncate(file.descriptor, off_t(size)) }) != 0 {
      throw Self.error("truncate", name)
    }
    file.size = size
    file.allocated = size
    files[name] = file
  }

  public func remove(_ name: String) throws(DiskError) {
    try inject("remove", name)
    forget(name)
    if unlink("\(path)/\(name)") != 0 { throw Self.error("remove", name) }
  }

  public func rename(_ name: String, to target: String) throws(DiskError) {
    try inject("rename", name)
    forget(name)
    forget(target)
    if renameFile("\(path)/\(name)", "\(path)/\(target)") != 0 {
      throw Self.error("rename", name)
    }
  }

  private func forget(_ name: String) {
    trim(name)
    if let file = files.removeValue(forKey: name) { close(file.descriptor) }
  }

  private func open(_ name: String, create: Bool) throws(DiskError) -> OpenFile {
    if let file = files[name] { return file }
    var flags = O_CLOEXEC | (access == .exclusive ? O_RDWR : O_RDONLY)
    if create { flags |= O_CREAT }
    let descriptor = Self.retrying { openFile("\(path)/\(name)", flags) }
    guard descriptor >= 0 else { throw Self.error("open", name) }
    let size: Int
    do { size = try Self.size(of: descriptor, name) } catch {
      close(descriptor)
      throw error
    }
    if files.count >= Self.maximumOpenFiles, let other = files.keys.first { forget(other) }
    let file = OpenFile(descriptor: descriptor, size: size, allocated: size)
    files[name] = file
    return file
  }
}

// Inside of the class these names mean its methods.
private func openFile(_ path: String, _ flags: Int32) -> Int32 { open(path, flags, 0o600) }
private func renameFile(_ from: String, _ to: String) -> Int32 { rename(from, to) }
