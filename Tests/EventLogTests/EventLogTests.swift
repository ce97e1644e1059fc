import SeededRuns
import Testing

@testable import EventLog

@Suite struct EventLogTests {
  @Test func checksumsAreThoseOfTheStandard() {
    // RFC 3720, appendix B.4.
    let ascending = (0..<32).map { UInt8($0) }
    let zeros = [UInt8](repeating: 0, count: 32)
    #expect(CRC32C.checksum(ascending, in: 0..<32) == 0x46DD_794E)
    #expect(CRC32C.checksum(zeros, in: 0..<32) == 0x8A91_36AA)
    #expect(CRC32C.checksum(Array("123456789".utf8), in: 0..<9) == 0xE306_9283)
  }

  @Test(arguments: [0, 1, 7, 8, 9, 63, 1_024, 4_099])
  func bothWaysToAChecksumAgree(count: Int) {
    var random = SplitMix64(seed: UInt64(count))
    let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    bytes.withUnsafeBytes { bytes in
      #expect(CRC32C.checksum(bytes) == CRC32C.checksumByTables(bytes))
      let half = UnsafeRawBufferPointer(rebasing: bytes[..<(count / 2)])
      let rest = UnsafeRawBufferPointer(rebasing: bytes[(count / 2)...])
      #expect(
        CRC32C.checksum(rest, continuing: CRC32C.checksum(half))
          == CRC32C.checksumByTables(bytes))
    }
  }

  @Test func anEmptyLog() throws {
    let disk = FaultDisk()
    let log = try Log.open(disk: disk, options: .small())
    #expect(log.firstIndex == 1)
    #expect(log.lastIndex == 0)
    #expect(log.lastTerm == 0)
    #expect(log.vote == LogVote())
    #expect(log.segmentCount == 1)
    #expect(try log.records(from: 1, through: 9, maximumBytes: 0) == [])
  }

  @Test func whatIsAppendedIsReadBackAfterOpening() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small(segmentBytes: 1 << 20))
    let text = LogRecord(
      term: 2, index: 11, kind: 1, payload: Array(String(repeating: "pods ", count: 500).utf8))
    try log.append(entries(1...10), vote: LogVote(term: 1, vote: 3, commit: 0))
    try log.append([text], vote: LogVote(term: 2, vote: 2, commit: 8))
    try log.append(entries(12...12, term: 2, bytes: 0), vote: nil)
    try log.sync()
    for log in [log, try Log.open(disk: disk, options: .small())] {
      #expect(log.lastIndex == 12)
      #expect(log.lastTerm == 2)
      #expect(log.vote == LogVote(term: 2, vote: 2, commit: 8))
      #expect(try log.all == entries(1...10) + [text] + entries(12...12, term: 2, bytes: 0))
      #expect(log.term(at: 10) == 1)
      #expect(log.term(at: 11) == 2)
      #expect(log.term(at: 0) == 0)
      #expect(log.term(at: 13) == nil)
      #expect(log.recovery == LogRecovery())
    }
    #expect(log.byteCount < 2000, "text is compressed")
    #expect(log.byteCount == disk.bytes(SegmentHeader.name(1)).count)
  }

  @Test func readingIsBounded() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small())
    try log.append(entries(1...50, bytes: 100), vote: nil)
    try log.append(entries(51...60, bytes: 100), vote: nil)
    #expect(try log.records(from: 1, through: 60, maximumBytes: 1000).count == 10)
    #expect(try log.records(from: 48, through: 53, maximumBytes: 0) == entries(48...53, bytes: 100))
    #expect(try log.records(from: 7, through: 60, maximumBytes: 1).map(\.index) == [7])
    #expect(try log.records(from: 61, through: 99, maximumBytes: 0) == [])
    #expect(throws: LogError.compacted(first: 1)) {
      try log.records(from: 0, through: 4, maximumBytes: 0)
    }
  }

  @Test func oneSyncForManyAppends() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small(segmentBytes: 1 << 20))
    let before = disk.syncs
    for index in 1...20 as ClosedRange<UInt64> {
      try log.append(entries(index...index), vote: nil)
    }
    try log.sync()
    try log.sync()
    #expect(disk.syncs == before + 1)
  }

  @Test func gapsAndTermsThatGoBackAreRefused() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small())
    try log.append(entries(1...3, term: 5), vote: nil)
    for wrong in [
      entries(5...5, term: 5), entries(4...4, term: 4), entries(0...0, term: 5),
      entries(4...4, term: 5) + entries(6...6, term: 5),
    ] {
      #expect(throws: LogError.self) { try log.append(wrong, vote: nil) }
    }
    #expect(try log.all == entries(1...3, term: 5))
    try log.append(entries(4...4, term: 5), vote: nil)
  }

  @Test func aTailIsReplaced() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small(segmentBytes: 1 << 20))
    try log.append(entries(1...10), vote: nil)
    try log.append(entries(11...20), vote: nil)
    try log.append(entries(6...8, term: 2), vote: LogVote(term: 2, vote: 1, commit: 3))
    try log.append(entries(9...9, term: 3), vote: nil)
    try log.sync()
    let expected =
      entries(1...5) + entries(6...8, term: 2) + entries(9...9, term: 3)
    for log in [log, try Log.open(disk: disk, options: .small())] {
      #expect(try log.all == expected)
      #expect(log.term(at: 5) == 1)
      #expect(log.term(at: 6) == 2)
      #expect(log.lastIndex == 9)
    }
  }

  @Test func aTailThatBeganSegmentsAgoIsReplaced() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small(segmentBytes: 500))
    for index in 1...60 as ClosedRange<UInt64> {
      try log.append(entries(index...index), vote: nil)
    }
    #expect(log.segmentCount > 10)
    try log.append(entries(13...13, term: 2), vote: nil)
    for index in 14...80 as ClosedRange<UInt64> {
      try log.append(entries(index...index, term: 2), vote: nil)
    }
    try log.sync()
    let expected = entries(1...12) + entries(13...80, term: 2)
    #expect(try log.all == expected)
    var reopened = try Log.open(disk: disk, options: .small(segmentBytes: 500))
    #expect(try reopened.all == expected)
    // Segments that hold nothing in force any more go with those before them.
    try reopened.removeSegments(before: 13)
    let kept = try Log.open(disk: disk, options: .small())
    for log in [reopened, kept] {
      #expect(log.base.index <= 12)
      #expect(log.base.index > 8)
      #expect(try log.all == expected.filter { $0.index >= log.firstIndex })
    }
    #expect(kept.base == reopened.base)
    #expect(LogVerifierTests.problems(disk) == [])
  }

  @Test func segmentsAreRemovedWhole() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small(segmentBytes: 1000))
    for index in 1...100 as ClosedRange<UInt64> {
      try log.append(
        entries(index...index, term: 1 + index / 30),
        vote: index % 7 == 0 ? LogVote(term: 1 + index / 30, vote: 2, commit: index - 1) : nil)
    }
    try log.sync()
    let everything = try log.all
    for bound in [5, 40, 41, 90, 1000] as [UInt64] {
      try log.removeSegments(before: bound)
      let reopened = try Log.open(disk: disk, options: .small(segmentBytes: 1000))
      for log in [log, reopened] {
        #expect(log.firstIndex <= bound)
        #expect(log.lastIndex == 100)
        #expect(log.vote == LogVote(term: 4, vote: 2, commit: 97))
        #expect(try log.all == everything.filter { $0.index >= log.firstIndex })
        #expect(log.base.term == everything.first { $0.index == log.base.index }?.term ?? 0)
      }
      #expect(LogVerifierTests.problems(disk) == [])
    }
    #expect(log.segmentCount == 1)
    try log.append(entries(101...101, term: 9), vote: nil)
  }

  @Test func aResetBeginsAnew() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small(segmentBytes: 1000))
    for index in 1...40 as ClosedRange<UInt64> {
      try log.append(entries(index...index), vote: LogVote(term: 1, vote: 2, commit: 0))
    }
    try log.reset(toIndex: 500, term: 7)
    for log in [log, try Log.open(disk: disk, options: .small(segmentBytes: 1000))] {
      #expect(log.base == LogPosition(index: 500, term: 7))
      #expect(log.lastIndex == 500)
      #expect(log.lastTerm == 7)
      #expect(log.vote == LogVote(term: 1, vote: 2, commit: 0))
      #expect(log.segmentCount == 1)
      #expect(try log.all == [])
    }
    try log.append(entries(501...502, term: 8), vote: nil)
    try log.sync()
    // Back to a lower index, as after a restore of the whole cluster.
    try log.reset(toIndex: 3, term: 9)
    try log.append(entries(4...4, term: 9), vote: nil)
    try log.sync()
    #expect(try Log.open(disk: disk, options: .small()).all == entries(4...4, term: 9))
    #expect(LogVerifierTests.problems(disk) == [])
  }

  @Test func aLargeAppendIsSplitIntoBlocks() throws {
    let disk = FaultDisk()
    var options = LogOptions.small(segmentBytes: 1 << 20)
    options.blockBytes = 10_000
    var log = try Log.open(disk: disk, options: options)
    try log.append(entries(1...100, bytes: 1000), vote: LogVote(term: 1, vote: 1, commit: 0))
    try log.sync()
    let reopened = try Log.open(disk: disk, options: options)
    #expect(try reopened.all == entries(1...100, bytes: 1000))
    #expect(try reopened.records(from: 57, through: 57, maximumBytes: 0).count == 1)
  }

  @Test(arguments: 0..<30 as Range<UInt64>)
  func randomAppendsReplacementsAndReopenings(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let disk = FaultDisk()
    var options = LogOptions.small(segmentBytes: 1500)
    options.blockBytes = 400
    var log = try Log.open(disk: disk, options: options)
    var model: [LogRecord] = []
    var term: UInt64 = 1
    var vote = LogVote()
    for _ in 0..<120 {
      switch Int.random(in: 0..<20, using: &random) {
      case 0:
        try log.sync()
        log = try Log.open(disk: disk, options: options)
      case 1:
        try log.removeSegments(before: UInt64.random(in: 0...log.lastIndex, using: &random))
      case 2:
        let low = max(log.firstIndex, log.lastIndex - min(log.lastIndex, 40))
        if low <= log.lastIndex {
          let start = UInt64.random(in: low...log.lastIndex, using: &random)
          term += 1
          let new = entries(start...(start + 2), term: term)
          model = model.filter { $0.index < start } + new
          try log.append(new, vote: nil)
        }
      default:
        let count = UInt64.random(in: 1...12, using: &random)
        let new = entries(
          (log.lastIndex + 1)...(log.lastIndex + count), term: term,
          bytes: Int.random(in: 0...120, using: &random))
        vote = LogVote(term: term, vote: UInt64.random(in: 0...3, using: &random), commit: 0)
        model += new
        try log.append(new, vote: vote)
      }
      #expect(log.lastIndex == model.last?.index ?? 0)
      #expect(log.vote == vote)
    }
    #expect(try log.all == model.filter { $0.index >= log.firstIndex })
    #expect(LogVerifierTests.problems(disk) == [])
  }
}
