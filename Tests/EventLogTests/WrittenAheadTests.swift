import Foundation
import Testing

@testable import EventLog

/// Segments whose files have space beyond their end.
@Suite struct WrittenAheadTests {
  private static func disk(_ folder: String) throws -> FileDisk {
    let disk = try FileDisk(path: folder)
    disk.aheadBytes = 64 << 10
    return disk
  }

  private static func physicalSize(_ folder: String, _ name: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
    return (attributes[.size] as? Int) ?? 0
  }

  /// A log of one segment with 20 entries, as it is while the process runs.
  private static func write(_ folder: String) throws -> EventLog<FileDisk> {
    var log = try EventLog.open(disk: try disk(folder), options: .small(segmentBytes: 1 << 20))
    for index in 1...20 as ClosedRange<UInt64> {
      try log.append(entries(index...index, bytes: 300), vote: nil)
      try log.sync()
    }
    return log
  }

  /// What a process that is killed leaves of its log.
  private static func killed(_ folder: String, _ more: (inout EventLog<FileDisk>) throws -> Void)
    throws -> (bytes: Data, end: Int)
  {
    var log = try write(folder)
    let end = log.byteCount
    try more(&log)
    return (try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(segment)")), end)
  }

  private static let segment = SegmentHeader.name(1)

  @Test func spaceBeyondTheEndIsNoPartOfTheLog() throws {
    try FileDiskTests.withFolder { folder in
      var first: EventLog<FileDisk>? = try Self.write(folder)
      let end = try #require(first?.byteCount)
      #expect(try Self.physicalSize(folder, Self.segment) > end + 32 << 10)
      let reading = try FileDisk(path: folder, access: .readOnly)
      let reader = try #require(try LogReader(disk: reading))
      #expect(reader.lastIndex == 20)
      #expect(reader.tornTail == nil)
      let verified = try LogVerifier.verify(disk: reading)
      #expect(verified.isGood)
      #expect(verified.tornTail == nil)
      #expect(verified.bytes == end)
      let asKilled = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(Self.segment)"))
      // Closed in order, it ends where it should.
      first = nil
      #expect(try Self.physicalSize(folder, Self.segment) == end)
      try asKilled.write(to: URL(fileURLWithPath: "\(folder)/\(Self.segment)"))
      var log = try EventLog.open(
        disk: try Self.disk(folder), options: .small(segmentBytes: 1 << 20))
      #expect(log.recovery.tornTail == nil)
      #expect(log.byteCount == end)
      #expect(try Self.physicalSize(folder, Self.segment) == end)
      try log.append(entries(21...21), vote: nil)
      try log.sync()
      #expect(try log.all.map(\.index) == Array(1...21))
    }
  }

  @Test func aFinishedSegmentEndsWithItsLastBlock() throws {
    try FileDiskTests.withFolder { folder in
      var log = try EventLog.open(
        disk: try Self.disk(folder), options: .small(segmentBytes: 3_000))
      for index in 1...40 as ClosedRange<UInt64> {
        try log.append(entries(index...index, bytes: 300), vote: nil)
        try log.sync()
      }
      let segments = log.segments
      #expect(segments.count > 3)
      for segment in segments.dropLast() {
        #expect(try Self.physicalSize(folder, segment.name) == segment.size)
      }
      #expect(try log.all.count == 40)
    }
  }

  /// What a crash leaves of a write: a part of its pages, and zeros in place of the others.
  @Test func aWriteThatIsThereInPartIsCut() throws {
    try FileDiskTests.withFolder { folder in
      let (whole, end) = try Self.killed(folder) { log in
        try log.append(entries(21...40, bytes: 500), vote: nil)
        try log.sync()
      }
      let path = "\(folder)/\(Self.segment)"
      let lastByte = try #require(whole.lastIndex { $0 != 0 })
      for missing in [
        end..<(end + 4_096), (end + 2_048)..<(lastByte + 1), (end + 100)..<(end + 1_700),
      ] {
        var torn = whole
        for position in missing { torn[position] = 0 }
        try torn.write(to: URL(fileURLWithPath: path))
        let log = try EventLog.open(
          disk: try Self.disk(folder), options: .small(segmentBytes: 1 << 20))
        #expect(log.lastIndex == 20, "\(missing)")
        #expect(log.recovery.tornTail?.offset == end, "\(missing)")
        #expect(try Self.physicalSize(folder, Self.segment) == end)
      }
    }
  }

  @Test func damageBeforeTheSpaceIsNotCut() throws {
    try FileDiskTests.withFolder { folder in
      let (whole, end) = try Self.killed(folder) { _ in }
      let path = "\(folder)/\(Self.segment)"
      for position in [end - 1, end - 200, end / 2] {
        var damaged = whole
        damaged[position] ^= 0x10
        try damaged.write(to: URL(fileURLWithPath: path))
        let failure = #expect(throws: LogError.self) {
          try EventLog.open(disk: try Self.disk(folder), options: .small(segmentBytes: 1 << 20))
        }
        #expect(failure?.isDamage == true)
      }
    }
  }

  /// Zeros in place of what was synced look like space: what follows, or what was applied, tells.
  @Test func zerosInPlaceOfRecordsAreFound() throws {
    try FileDiskTests.withFolder { folder in
      var log = try EventLog.open(
        disk: try Self.disk(folder), options: .small(segmentBytes: 3_000))
      for index in 1...40 as ClosedRange<UInt64> {
        try log.append(entries(index...index, bytes: 300), vote: nil)
        try log.sync()
      }
      let first = log.segments[0]
      let reading = try FileDisk(path: folder, access: .readOnly)
      #expect(try LogScrubber.check(reading, first.sequence) { true } == nil)
      let url = URL(fileURLWithPath: "\(folder)/\(first.name)")
      let whole = try Data(contentsOf: url)
      let lastBlock = try #require(
        log.index.blocks.last { $0.segment == first.sequence }?.offset)
      var lost = whole
      for position in lastBlock..<lost.count { lost[position] = 0 }
      try lost.write(to: url)
      let problem = try LogScrubber.check(reading, first.sequence) { true }
      #expect(problem?.offset == lastBlock)
      #expect(try !LogVerifier.verify(disk: reading).isGood)
      #expect(throws: LogError.self) { try LogReader(disk: reading) }
    }
  }

  @Test func aVoteBeforeZerosIsNotTakenForTheNewest() throws {
    try FileDiskTests.withFolder { folder in
      var log: EventLog<FileDisk>? = try EventLog.open(
        disk: try Self.disk(folder), options: .small(segmentBytes: 3_000))
      try log?.append([], vote: LogVote(term: 1, vote: 2, commit: 0))
      for index in 1...35 as ClosedRange<UInt64> {
        try log?.append(entries(index...index, bytes: 300), vote: nil)
        try log?.sync()
      }
      let last = try #require(log?.segments.last)
      let url = URL(fileURLWithPath: "\(folder)/\(last.name)")
      let asKilled = try Data(contentsOf: url)
      log = nil
      let first = URL(fileURLWithPath: "\(folder)/\(Self.segment)")
      var damaged = try Data(contentsOf: first)
      damaged[damaged.count / 2] ^= 0x10
      try damaged.write(to: first)
      let closed = try #require(
        try LogRepair.examine(try FileDisk(path: folder, access: .readOnly)))
      #expect(closed.vote == LogVote(term: 1, vote: 2, commit: 0))
      try asKilled.write(to: url)
      let killed = try #require(
        try LogRepair.examine(try FileDisk(path: folder, access: .readOnly)))
      #expect(killed.vote == nil)
    }
  }
}
