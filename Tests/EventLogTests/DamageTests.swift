import SeededRuns
import Testing

@testable import EventLog

@Suite struct DamageTests {
  /// A log of several segments, and for each the places of its blocks.
  static func make(
    segmentBytes: Int = 900, bytes: Int = 50
  ) throws -> (disk: FaultDisk, log: Log) {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small(segmentBytes: segmentBytes))
    for index in 1...24 as ClosedRange<UInt64> {
      try log.append(
        entries(index...index, bytes: bytes), vote: LogVote(term: 1, vote: 1, commit: index - 1))
      try log.sync()
    }
    return (disk, log)
  }

  static func blocks(_ disk: FaultDisk, _ name: String) throws -> [Range<Int>] {
    var scanner = try SegmentScanner(name: name, bytes: disk.bytes(name))
    var found: [Range<Int>] = []
    #expect(
      scanner.scan { block, offset in
        found.append(offset..<(offset + block.size))
        return nil
      } == nil)
    return found
  }

  static func open(_ disk: FaultDisk) throws(LogError) -> Log {
    try Log.open(disk: disk, options: .small(segmentBytes: 900))
  }

  @Test func everyCutOfTheLastBlockLeavesWhatWasBefore() throws {
    let (disk, log) = try Self.make()
    let name = SegmentHeader.name(UInt64(log.segmentCount))
    let bytes = disk.bytes(name)
    let last = try #require(try Self.blocks(disk, name).last)
    for size in last {
      let copy = disk.copy()
      copy.setBytes(name, Array(bytes[..<size]))
      let opened = try Self.open(copy)
      #expect(try opened.all == Array(log.all.dropLast()))
      #expect(opened.recovery.tornTail?.offset == (size == last.lowerBound ? nil : last.lowerBound))
      #expect(copy.bytes(name).count == last.lowerBound)
      // A write of which only the beginning reached the disk, in a file of full length.
      let zeros = disk.copy()
      let sector = (size / 512 + (size % 512 == 0 ? 0 : 1)) * 512
      guard sector < last.upperBound else { continue }
      zeros.setBytes(
        name, Array(bytes[..<sector]) + [UInt8](repeating: 0, count: bytes.count - sector))
      #expect(try Self.open(zeros).lastIndex == 23)
    }
  }

  @Test func garbageAndZerosAtTheEndAreCut() throws {
    var random = SplitMix64(seed: 3)
    let (disk, log) = try Self.make()
    let name = SegmentHeader.name(UInt64(log.segmentCount))
    for length in [1, 7, 39, 40, 41, 500, 3000] {
      let garbage = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      for tail in [garbage, [UInt8](repeating: 0, count: length)] {
        let copy = disk.copy()
        copy.setBytes(name, disk.bytes(name) + tail)
        var opened = try Self.open(copy)
        #expect(try opened.all == log.all)
        // Zeros are space that was written ahead.
        #expect(opened.recovery.tornTail?.bytes == (tail == garbage ? length : nil))
        #expect(copy.bytes(name).count == disk.bytes(name).count)
        try opened.append(entries(25...25), vote: nil)
        try opened.sync()
        #expect(try Self.open(copy).lastIndex == 25)
      }
    }
  }

  @Test func everyFlippedByteIsFoundAndNamed() throws {
    let (disk, log) = try Self.make()
    #expect(log.segmentCount >= 4)
    for sequence in 1...UInt64(log.segmentCount) {
      let name = SegmentHeader.name(sequence)
      let bytes = disk.bytes(name)
      let blocks = try Self.blocks(disk, name)
      for offset in bytes.indices {
        let copy = disk.copy()
        var changed = bytes
        changed[offset] ^= UInt8(1 << (offset % 8))
        copy.setBytes(name, changed)
        let failure = #expect(throws: LogError.self) { try Self.open(copy) }
        let problem = LogVerifierTests.verify(copy).problems.first
        #expect(problem?.segment == name)
        #expect(copy.bytes(name) == changed, "nothing is truncated")
        // The header's own damage is reported at its beginning.
        let place = blocks.first { $0.contains(offset) } ?? 0..<SegmentHeader.size
        if case .damaged(name, let reported, _) = failure {
          #expect(reported >= place.lowerBound && reported <= offset)
          #expect(problem?.offset == reported)
        } else {
          Issue.record("byte \(offset): \(String(describing: failure))")
        }
      }
    }
  }

  @Test func blocksThatAreRemovedReplacedOrSwappedAreFound() throws {
    let (disk, log) = try Self.make()
    for sequence in 1..<UInt64(log.segmentCount) {
      let name = SegmentHeader.name(sequence)
      let bytes = disk.bytes(name)
      let blocks = try Self.blocks(disk, name)
      for (position, block) in blocks.enumerated() {
        let without = disk.copy()
        without.setBytes(name, Array(bytes[..<block.lowerBound] + bytes[block.upperBound...]))
        #expect(throws: LogError.self) { try Self.open(without) }
        #expect(!LogVerifierTests.verify(without).isGood)
        guard position > 0 else { continue }
        let before = blocks[position - 1]
        let swapped = disk.copy()
        swapped.setBytes(
          name,
          Array(
            bytes[..<before.lowerBound] + bytes[block] + bytes[before] + bytes[block.upperBound...])
        )
        let failure = #expect(throws: LogError.self) { try Self.open(swapped) }
        if case .damaged(name, before.lowerBound, _) = failure {
        } else {
          Issue.record("\(String(describing: failure))")
        }
        // A stale copy of the block before, where this one should be.
        let stale = disk.copy()
        stale.setBytes(
          name, Array(bytes[..<block.lowerBound] + bytes[before] + bytes[block.upperBound...]))
        #expect(throws: LogError.self) { try Self.open(stale) }
      }
    }
  }

  @Test func everyMissingSegmentIsNamed() throws {
    let (disk, log) = try Self.make()
    for sequence in 1...UInt64(log.segmentCount) {
      let copy = disk.copy()
      copy.drop(SegmentHeader.name(sequence))
      #expect(throws: LogError.missingSegment(SegmentHeader.name(sequence))) {
        try Self.open(copy)
      }
      #expect(LogVerifierTests.verify(copy).problems.first?.segment == SegmentHeader.name(sequence))
    }
    let copy = disk.copy()
    copy.drop(LogManifest.name)
    #expect(throws: LogError.missingSegment("log-manifest")) { try Self.open(copy) }
    #expect(LogVerifierTests.verify(copy).problems.first?.segment == "log-manifest")
  }

  @Test func aSegmentUnderAnothersNameIsFound() throws {
    let (disk, _) = try Self.make()
    disk.setBytes(SegmentHeader.name(2), disk.bytes(SegmentHeader.name(3)))
    let failure = #expect(throws: LogError.self) { try Self.open(disk) }
    #expect(failure?.description.contains("under another name") == true)
  }

  @Test func everyFlippedByteOfTheManifestIsFound() throws {
    let (disk, _) = try Self.make()
    let bytes = disk.bytes(LogManifest.name)
    for offset in bytes.indices {
      var changed = bytes
      changed[offset] ^= 0x10
      disk.setBytes(LogManifest.name, changed)
      let failure = #expect(throws: LogError.self) { try Self.open(disk) }
      if case .damaged("log-manifest", _, _) = failure {
      } else {
        Issue.record("byte \(offset): \(String(describing: failure))")
      }
    }
  }

  @Test func anotherClustersOrReplicasFolderIsRefused() throws {
    let (disk, _) = try Self.make()
    var other = LogOptions.small()
    other.clusterID = 9
    let cluster = #expect(throws: LogError.otherCluster(found: 0xC1, expected: 9)) {
      try Log.open(disk: disk, options: other)
    }
    #expect(cluster?.description.contains("00000000000000c1") == true)
    var replica = LogOptions.small()
    replica.replicaID = 3
    let failure = #expect(throws: LogError.otherReplica(found: 2, expected: 3)) {
      try Log.open(disk: disk, options: replica)
    }
    #expect(failure?.description.contains("belongs to replica 2, not to 3") == true)
  }

  @Test func damageFoundWhileReadingIsReported() throws {
    let (disk, log) = try Self.make()
    let name = SegmentHeader.name(2)
    var bytes = disk.bytes(name)
    let block = try Self.blocks(disk, name)[1]
    bytes[block.upperBound - 1] ^= 1
    disk.setBytes(name, bytes)
    let failure = #expect(throws: LogError.self) { _ = try log.all }
    if case .damaged(name, let offset, _) = failure {
      #expect(block.contains(offset))
    } else {
      Issue.record("\(String(describing: failure))")
    }
  }

  @Test func randomBytesNeverTrap() throws {
    var random = SplitMix64(seed: 11)
    let (disk, log) = try Self.make(bytes: 300)
    for _ in 0..<400 {
      let copy = disk.copy()
      let name = SegmentHeader.name(UInt64.random(in: 1...UInt64(log.segmentCount), using: &random))
      var bytes = copy.bytes(name)
      for _ in 0..<Int.random(in: 1...30, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
          in: 0...255, using: &random)
      }
      copy.setBytes(name, Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))))
      _ = LogVerifierTests.verify(copy)
      _ = try? Self.open(copy)
    }
  }
}
