import EventLog

/// A log's files in memory.
final class MemoryDisk: Disk {
  var files: [String: [UInt8]]

  init(files: [String: [UInt8]] = [:]) { self.files = files }

  private func missing(_ operation: String, _ name: String) -> DiskError {
    DiskError(kind: .missing, operation: operation, file: name, message: "there is no such file")
  }

  func list() throws(DiskError) -> [String] { Array(files.keys) }

  func size(of name: String) throws(DiskError) -> Int {
    guard let bytes = files[name] else { throw missing("stat", name) }
    return bytes.count
  }

  func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    guard let bytes = files[name] else { throw missing("read", name) }
    guard offset >= 0, offset < bytes.count, count > 0 else { return [] }
    return Array(bytes[offset..<(offset + min(count, bytes.count - offset))])
  }

  func append(_ bytes: [UInt8], to name: String) throws(DiskError) {
    files[name, default: []] += bytes
  }

  func sync(_ name: String) throws(DiskError) {}
  func syncDirectory() throws(DiskError) {}

  func truncate(_ name: String, to size: Int) throws(DiskError) {
    guard let bytes = files[name] else { throw missing("truncate", name) }
    files[name] = Array(bytes.prefix(size))
  }

  func remove(_ name: String) throws(DiskError) { files[name] = nil }

  func rename(_ name: String, to target: String) throws(DiskError) {
    guard let bytes = files.removeValue(forKey: name) else { throw missing("rename", name) }
    files[target] = bytes
  }
}
