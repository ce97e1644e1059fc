import Foundation
import KubernetesAPI
import Testing

@testable import Kubelet

struct ContainerLogTests {
  static let file = """
    2026-01-31T18:04:05.100000000Z stdout F one
    2026-01-31T18:04:06.200000000Z stderr P two, 
    2026-01-31T18:04:06.200000001Z stderr F and its rest
    2026-01-31T18:04:07.300000000Z stdout F 

    """

  func filtered(_ filter: ContainerLogFilter, pieces: Int = 1) -> String {
    var filter = filter
    let bytes = Array(Self.file.utf8)
    var output: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      output += filter.filter(bytes[start..<min(start + pieces, bytes.count)])
    }
    return String(decoding: output, as: UTF8.self)
  }

  @Test(arguments: [1, 7, 1_000]) func joinsWhatTheRuntimeCut(pieces: Int) {
    #expect(
      filtered(ContainerLogFilter(), pieces: pieces) == "one\ntwo, and its rest\n\n")
  }

  @Test func putsTheTimeBeforeEachWholeLine() {
    #expect(
      filtered(ContainerLogFilter(timestamps: true)) == """
        2026-01-31T18:04:05.100000000Z one
        2026-01-31T18:04:06.200000000Z two, and its rest
        2026-01-31T18:04:07.300000000Z \("")

        """)
  }

  @Test func dropsWhatIsOlder() {
    #expect(
      filtered(ContainerLogFilter(since: "2026-01-31T18:04:06Z")) == "two, and its rest\n\n")
  }

  @Test func stopsAtTheBound() {
    var filter = ContainerLogFilter(limitBytes: 6)
    #expect(filter.filter(Self.file.utf8) == Array("one\ntw".utf8))
    #expect(filter.isExhausted)
    #expect(filter.filter(Self.file.utf8).isEmpty)
  }

  @Test func passesOverWhatNoRuntimeWrote() {
    var filter = ContainerLogFilter()
    #expect(filter.filter("garbage\n\n \n".utf8).isEmpty)
  }

  @Test(arguments: [(0, ""), (1, "c\n"), (2, "b\nc\n"), (3, "a\nb\nc\n"), (9, "a\nb\nc\n")])
  func findsTheLastLines(lines: Int, expected: String) {
    let text = Array("a\nb\nc\n".utf8)
    let offset = LogTail.offset(ofLast: lines, size: text.count) { offset, count in
      Array(text[offset..<(offset + count)])
    }
    #expect(String(decoding: text[offset...], as: UTF8.self) == expected)
  }

  @Test func findsTheLastLinesAcrossBlocks() {
    let line = Array(String(repeating: "x", count: 999).utf8) + [UInt8(ascii: "\n")]
    let text = Array(repeatElement(line, count: 500).joined())
    let offset = LogTail.offset(ofLast: 200, size: text.count) { offset, count in
      Array(text[offset..<(offset + count)])
    }
    #expect(offset == 300_000)
  }

  @Test func readsAndRefusesParameters() throws {
    let now = try #require(Timestamp(parsing: "2026-01-31T18:00:10Z"))
    let query = try LogQuery(
      parameters: ["follow": "true", "tailLines": "5", "sinceSeconds": "10"], now: now)
    #expect(query.follow && query.tailLines == 5)
    #expect(query.since?.rfc3339() == "2026-01-31T18:00:00Z")
    for bad in [["tailLines": "-1"], ["follow": "maybe"], ["sinceTime": "noon"]] {
      #expect(throws: LogQuery.Invalid.self) { try LogQuery(parameters: bad, now: now) }
    }
  }

  @Test func followsUntilTheContainerEnds() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      "log-\(UUID().uuidString)"
    ).path
    try Self.file.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var query = LogQuery()
    query.follow = true
    query.tailLines = 1
    let (stream, continuation) = AsyncStream<String>.makeStream()
    let looks = AsyncCounter()
    let location = LogLocation(path: path) {
      // Runs at the first look; its last line comes before the second.
      if await looks.next() == 1 { return true }
      if let file = FileHandle(forWritingAtPath: path) {
        _ = try? file.seekToEnd()
        try? file.write(contentsOf: Data("2026-01-31T18:04:09Z stdout F last\n".utf8))
        try? file.close()
      }
      return false
    }
    try await LogStreamer(query: query, location: location) { bytes in
      continuation.yield(String(decoding: bytes, as: UTF8.self))
    }.run()
    continuation.finish()
    var output = ""
    for await piece in stream { output += piece }
    #expect(output == "\nlast\n")
  }
}

private actor AsyncCounter {
  private var count = 0
  func next() -> Int {
    count += 1
    return count
  }
}
