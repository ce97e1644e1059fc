import Testing

@testable import Raft

@Suite struct RaftLogTests {
  /// Terms 1 1 2 2 4 at indices 11...15, after a dropped prefix that ends with term 1.
  private func sample(applied: LogIndex = 10) -> RaftLog {
    RaftLog(
      base: 10, baseTerm: 1, entries: entries(from: 11, terms: [1, 1, 2, 2, 4]), committed: 12,
      applied: applied)
  }

  @Test(
    arguments: [
      // not after, term at most, found
      (15, 4, 15), (15, 3, 14), (15, 2, 14), (15, 1, 12), (14, 1, 12), (13, 4, 13), (99, 9, 15),
      (11, 1, 11), (10, 1, 10), (9, 0, 9), (15, 0, 9),
    ] as [(LogIndex, Term, LogIndex)])
  func conflictSearchSkipsWholeTerms(notAfter: LogIndex, atMost: Term, found: LogIndex) {
    #expect(sample().lastIndex(notAfter: notAfter, withTermAtMost: atMost) == found)
  }

  @Test func knowsTermsWithinItsWindowOnly() {
    let log = sample()
    #expect((8...17).map { log.term(at: $0) } == [nil, nil, 1, 1, 1, 2, 2, 4, nil, nil])
  }

  @Test func deliversWhatIsCommittedAndPersistedOnce() {
    var log = sample()
    #expect(log.takeCommitted().map(\.index) == [11, 12])
    log.append(entries(from: 16, terms: [4, 4]))
    log.commit(to: 17)
    #expect(log.takeCommitted().map(\.index) == [13, 14, 15])
    #expect(log.takeUnwritten().map(\.index) == [16, 17])
    #expect(log.takeUnwritten().isEmpty)
    log.persisted(index: 17, term: 4)
    #expect(log.takeCommitted().map(\.index) == [16, 17])
  }

  @Test func aSyncOfReplacedEntriesIsIgnoredEvenIfTheyComeBack() {
    var log = sample()
    log.append(entries(from: 16, terms: [4]))
    _ = log.takeUnwritten()
    log.truncate(from: 16)
    log.append(entries(from: 16, terms: [5]))
    _ = log.takeUnwritten()
    log.truncate(from: 16)
    log.append(entries(from: 16, terms: [4]))
    #expect(log.takeUnwritten().map(\.index) == [16])
    // The same index and term, but the disk will hold term 5 in between.
    log.persisted(index: 16, term: 4)
    #expect(log.persisted == 15)
    log.persisted(index: 16, term: 5)
    #expect(log.persisted == 15)
    log.persisted(index: 16, term: 4)
    #expect(log.persisted == 16)
  }

  @Test func oneReportMayStandForSeveralWrites() {
    var log = sample()
    log.append(entries(from: 16, terms: [4]))
    _ = log.takeUnwritten()
    log.append(entries(from: 17, terms: [4]))
    _ = log.takeUnwritten()
    log.persisted(index: 17, term: 4)
    #expect(log.persisted == 17)
    log.persisted(index: 16, term: 4)
    #expect(log.persisted == 17)
  }

  @Test func compactionKeepsWhatIsNotApplied() {
    var log = sample()
    _ = log.takeCommitted()
    log.applied(to: 11)
    log.compact(to: 15)
    #expect(log.base == 11)
    #expect(log.baseTerm == 1)
    #expect(log.term(at: 10) == nil)
    #expect(log.lastIndex == 15)
    log.compact(maximumBytes: 0)
    #expect(log.base == 11)
    #expect(log.entries(from: 12, maximumBytes: .max).map(\.index) == [12, 13, 14, 15])
    #expect(log.bytes == log.unappliedBytes)
  }

  @Test func aStateKeepsTheTailThatAgreesWithIt() {
    var log = sample()
    log.restore(index: 13, term: 2, membership: Membership())
    #expect(log.lastIndex == 15)
    #expect(log.takeUnwritten().map(\.index) == [14, 15])
    #expect(log.applied == 13 && log.committed == 13 && log.persisted == 13)

    log = sample()
    log.restore(index: 13, term: 3, membership: Membership())
    #expect(log.lastIndex == 13 && log.lastTerm == 3)

    log = sample()
    log.restore(index: 40, term: 5, membership: Membership())
    #expect(log.lastIndex == 40 && log.bytes == 0)
  }

  @Test func entriesComeInBoundedPortions() {
    var log = RaftLog(base: 0, baseTerm: 0, entries: [], committed: 0, applied: 0)
    log.append(entries(from: 1, terms: [1, 1, 1], bytes: 100))
    #expect(log.entries(from: 1, maximumBytes: 1).map(\.index) == [1])
    #expect(log.entries(from: 1, maximumBytes: 200).map(\.index) == [1, 2])
    #expect(log.entries(from: 4, maximumBytes: 200).isEmpty)
  }
}

func entries(from first: LogIndex, terms: [Term], bytes: Int = 1) -> [LogEntry] {
  terms.enumerated().map { offset, term in
    LogEntry(
      term: term, index: first + UInt64(offset), kind: .command,
      payload: Array(repeating: 0x78, count: bytes))
  }
}
