/// The mounts of a process, as /proc/self/mountinfo lists them.
enum MountTable {
  /// Mount points at or below one of the folders, the ones mounted last first.
  static func mountPoints(below folders: [String], mountInfo: String) -> [String] {
    var found: [String] = []
    for line in mountInfo.split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 5)
      guard fields.count > 4 else { continue }
      let path = unescape(fields[4])
      if folders.contains(where: { path == $0 || path.hasPrefix($0 + "/") }) { found.append(path) }
    }
    return found.reversed()
  }

  /// The kernel writes space, tab, newline and backslash as a backslash and three octal digits.
  static func unescape(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    let source = Array(text.utf8)
    var index = 0
    while index < source.count {
      if source[index] == UInt8(ascii: "\\"), index + 3 < source.count,
        let value = UInt8(
          String(decoding: source[(index + 1)...(index + 3)], as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        index += 4
      } else {
        bytes.append(source[index])
        index += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
