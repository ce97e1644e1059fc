import Foundation

/// Keeps the logs of the processes from growing without bound.
enum LogRotation {
  static let maximumBytes = 16 << 20

  /// Moves the content of each larger log in `folder` to `NAME.log.1`.
  ///
  /// The processes hold their logs open for appending, so the file is copied and emptied; what is
  /// written in between is lost.
  static func rotate(folder: String, maximumBytes: Int = maximumBytes) {
    let files = FileManager.default
    for name in (try? files.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasSuffix(".log") {
      let path = "\(folder)/\(name)"
      guard let size = (try? files.attributesOfItem(atPath: path))?[.size] as? Int,
        size > maximumBytes
      else { continue }
      let older = "\(path).1"
      try? files.removeItem(atPath: older)
      // A full disk must not keep the log from being emptied.
      try? files.copyItem(atPath: path, toPath: older)
      truncate(path, 0)
    }
  }

  /// The last lines of a log; nil if there is none or it is empty.
  static func tail(_ path: String, lines: Int) -> String? {
    guard let handle = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)) else {
      return nil
    }
    defer { try? handle.close() }
    let end = (try? handle.seekToEnd()) ?? 0
    try? handle.seek(toOffset: end > 16384 ? end - 16384 : 0)
    guard let data = try? handle.readToEnd(), !data.isEmpty else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
  }
}
