import Testing

@testable import EventLog

@Suite struct LogVerifierTests {
  /// A manifest that is wrong though its checksum is right.
  @Test(arguments: [1_000_000_000_000, 1 << 62, 1 << 62 + 1, .max] as [UInt64])
  func aManifestMaySpeakOfAnyNumberOfSegments(_ newest: UInt64) throws {
    let (disk, _) = try DamageTests.make()
    let present = try disk.list().count - 1
    let manifest = LogManifest(
      clusterID: LogOptions.small().clusterID, replicaID: LogOptions.small().replicaID, oldest: 1,
      newest: newest)
    disk.setBytes(LogManifest.name, manifest.encoded())
    let found = try LogVerifier.verify(disk: disk)
    #expect(!found.isGood && found.problems.count <= 101 && found.segments.count == present)
    #expect(throws: LogError.self) { _ = try DamageTests.open(disk) }
    // Nor may a file's name stop anybody.
    disk.setBytes("log-ffffffffffffffff.seg", [1])
    #expect(try !LogVerifier.verify(disk: disk).isGood)
    #expect(throws: LogError.self) { _ = try DamageTests.open(disk) }
  }

  static func verify(_ disk: FaultDisk) -> LogVerification {
    do { return try LogVerifier.verify(disk: disk) } catch {
      Issue.record(error)
      return LogVerification()
    }
  }

  static func problems(_ disk: FaultDisk) -> [LogVerification.Problem] { verify(disk).problems }

  @Test func countsWhatIsThere() throws {
    let (disk, log) = try DamageTests.make()
    let found = try LogVerifier.verify(disk: disk)
    #expect(found.isGood)
    #expect(found.clusterID == 0xC1)
    #expect(found.replicaID == 2)
    #expect(found.segments.count == log.segmentCount)
    #expect(found.bytes == log.byteCount)
    #expect(found.segments.reduce(0) { $0 + $1.entries } == 24)
    // A vote with each entry, and one at the beginning of each segment.
    #expect(found.records == 48 + log.segmentCount)
    #expect(found.segments.first?.firstIndex == 1)
    #expect(found.segments.last?.lastIndex == 24)
    #expect(found.tornTail == nil)
  }

  @Test func goesOnBehindWhatIsBad() throws {
    let (disk, log) = try DamageTests.make()
    for sequence in [2, 4] as [UInt64] {
      let name = SegmentHeader.name(sequence)
      var bytes = disk.bytes(name)
      bytes[bytes.count / 2] ^= 1
      disk.setBytes(name, bytes)
    }
    let last = SegmentHeader.name(UInt64(log.segmentCount))
    disk.setBytes(last, disk.bytes(last) + [1, 2, 3])
    let found = try LogVerifier.verify(disk: disk)
    #expect(found.problems.map(\.segment) == [SegmentHeader.name(2), SegmentHeader.name(4)])
    #expect(found.tornTail?.bytes == 3)
    #expect(found.segments.count == log.segmentCount)
  }

  @Test func aReaderSeesTheLogAndChangesNothing() throws {
    let (disk, log) = try DamageTests.make()
    let last = SegmentHeader.name(UInt64(log.segmentCount))
    disk.setBytes(last, disk.bytes(last) + [1, 2, 3])
    let before = disk.fileNames.map { disk.bytes($0) }
    let operations = disk.operations
    let reader = try #require(try LogReader(disk: disk))
    #expect(reader.lastIndex == 24)
    #expect(reader.vote == log.vote)
    #expect(reader.replicaID == 2)
    #expect(reader.tornTail?.bytes == 3)
    #expect(try reader.records(from: 1, through: 99, maximumBytes: 0) == log.all)
    #expect(disk.operations == operations)
    #expect(disk.fileNames.map { disk.bytes($0) } == before)
    #expect(try LogReader(disk: FaultDisk())?.lastIndex == nil)
  }
}
