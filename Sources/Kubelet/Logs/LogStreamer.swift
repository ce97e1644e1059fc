import Foundation
import KubernetesAPI

/// Sends a container's log file to a reader, and goes on with what is added to it.
struct LogStreamer {
  var query: LogQuery
  var location: LogLocation
  /// Returns when the bytes are on their way, so a slow reader slows the reading; throws when
  /// the reader has gone.
  var write: ([UInt8]) async throws -> Void

  static let blockBytes = 65_536

  func run() async throws {
    guard let file = FileHandle(forReadingAtPath: location.path) else { return }
    defer { try? file.close() }
    var filter = ContainerLogFilter(
      timestamps: query.timestamps, since: query.since?.rfc3339(), limitBytes: query.limitBytes)
    if let lines = query.tailLines {
      let size = Int(try file.seekToEnd())
      let offset = try LogTail.offset(ofLast: lines, size: size) { offset, count in
        try file.seek(toOffset: UInt64(offset))
        return Array(try file.read(upToCount: count) ?? Data())
      }
      try file.seek(toOffset: UInt64(offset))
    }
    var isLast = !query.follow
    while !filter.isExhausted {
      try Task.checkCancellation()
      if let block = try file.read(upToCount: Self.blockBytes), !block.isEmpty {
        let output = filter.filter(block)
        if !output.isEmpty { try await write(output) }
        continue
      }
      if isLast { return }
      // Asked before the file is read once more, so that the last lines are not missed.
      if await !location.isRunning() {
        isLast = true
      } else {
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }
}
