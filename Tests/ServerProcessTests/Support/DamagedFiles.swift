import Foundation
import Testing

/// A replica's files, and what can happen to them.
struct DamagedFiles {
  /// Of the replica.
  var folder: String
  var log: String { folder + "/log" }

  /// The newest segment.
  func segment() throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: log)
    let name = try #require(names.filter { $0.hasSuffix(".seg") }.max())
    return log + "/" + name
  }

  func size(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.size] as? Int)
  }

  func cut(_ path: String, to size: Int) throws {
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: UInt64(size))
    try handle.close()
  }

  /// Ends the log inside its last record.
  func cutLastRecord() throws {
    let segment = try segment()
    try cut(segment, to: end(Data(contentsOf: URL(fileURLWithPath: segment))) - 7)
  }

  /// Flips one bit in the middle of the newest segment; again, it is as before.
  func flipBit() throws {
    let url = URL(fileURLWithPath: try segment())
    var bytes = try Data(contentsOf: url)
    bytes[end(bytes) / 2] ^= 0x10
    try bytes.write(to: url)
  }

  /// Where a segment's last block ends, more or less: a killed server leaves space after it.
  private func end(_ bytes: Data) -> Int { (bytes.lastIndex { $0 != 0 } ?? -1) + 1 }

  func removeSegment() throws { try FileManager.default.removeItem(atPath: segment()) }

  func removeDatabase() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder)
    where name.hasPrefix("projection.sqlite") {
      try FileManager.default.removeItem(atPath: folder + "/" + name)
    }
  }

  func cutDatabase() throws {
    let path = folder + "/projection.sqlite"
    try cut(path, to: size(path) / 3)
  }
}
