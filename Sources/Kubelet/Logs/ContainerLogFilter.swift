/// Turns the bytes of a container's log file into what `kubectl logs` prints.
///
/// CRI runtimes write records such as `2026-01-31T18:04:05.123456789Z stdout F message`; the tag
/// `P` says that the line goes on in the next record, since they cut long ones.
///
/// A pure filter: bytes in, bytes out; an incomplete last line waits for its rest.
struct ContainerLogFilter {
  var timestamps: Bool
  /// RFC 3339 in UTC, compared as text: lines before it are dropped.
  var since: String?
  /// Bytes that may still be put out; nil: no bound.
  var remainingBytes: Int?

  private var pending: [UInt8] = []
  private var continuesLine = false

  /// A line that never ends is put out in pieces of this size.
  static let maximumPendingBytes = 1 << 20

  init(timestamps: Bool = false, since: String? = nil, limitBytes: Int? = nil) {
    self.timestamps = timestamps
    self.since = since
    remainingBytes = limitBytes
  }

  /// Whether the bound on bytes has been reached.
  var isExhausted: Bool { remainingBytes == 0 }

  mutating func filter(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        append(pending, to: &output)
        pending.removeAll(keepingCapacity: true)
      } else {
        pending.append(byte)
        if pending.count > Self.maximumPendingBytes {
          append(pending, to: &output)
          pending.removeAll(keepingCapacity: true)
        }
      }
    }
    if let remaining = remainingBytes {
      output = Array(output.prefix(remaining))
      remainingBytes = remaining - output.count
    }
    return output
  }

  private mutating func append(_ line: [UInt8], to output: inout [UInt8]) {
    // Three blanks end the head; a line without them was not written by a runtime.
    var blanks: [Int] = []
    for (position, byte) in line.enumerated() where byte == UInt8(ascii: " ") {
      blanks.append(position)
      if blanks.count == 3 { break }
    }
    guard blanks.count >= 2 else { return }
    let time = line[..<blanks[0]]
    let tag = line[(blanks[1] + 1)..<(blanks.count > 2 ? blanks[2] : line.count)]
    let message = blanks.count > 2 ? line[(blanks[2] + 1)...] : []
    // Times of one format and zone sort as their texts do, up to the shorter one's precision.
    if let since, String(decoding: time.prefix(19), as: UTF8.self) < since.prefix(19) { return }
    if timestamps, !continuesLine {
      output += time
      output.append(UInt8(ascii: " "))
    }
    output += message
    continuesLine = tag.first == UInt8(ascii: "P")
    if !continuesLine { output.append(UInt8(ascii: "\n")) }
  }
}

/// Where the last lines of a file begin.
enum LogTail {
  /// Reads backwards in blocks. `lines` counts complete lines; partial records of long lines count
  /// one by one, as the runtime wrote them.
  static func offset(
    ofLast lines: Int, size: Int, read: (_ offset: Int, _ count: Int) throws -> [UInt8]
  ) rethrows -> Int {
    if lines <= 0 { return size }
    var found = 0
    var end = size
    while end > 0 {
      let start = max(0, end - 65_536)
      let block = try read(start, end - start)
      for position in block.indices.reversed() where block[position] == UInt8(ascii: "\n") {
        // The file's own last newline ends a line and begins none.
        if start + position + 1 == size { continue }
        found += 1
        if found == lines { return start + position + 1 }
      }
      end = start
    }
    return 0
  }
}
