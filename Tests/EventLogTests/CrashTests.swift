import Testing

@testable import EventLog

@Suite struct CrashTests {
  /// What the log must hold after a crash: one of the states since the last sync.
  struct Model {
    struct State: Equatable {
      var records: [LogRecord] = []
      var base = LogPosition()
      var vote = LogVote()
    }
    var states = [State()]
    var synced = 0
    var now: State { states[states.count - 1] }

    mutating func began(_ change: (inout State) -> Void) {
      var next = now
      change(&next)
      states.append(next)
    }

    func allows(_ log: Log) throws -> Bool {
      let found = try log.all
      return states[synced...].contains { state in
        let kept = state.records.filter { $0.index > log.base.index }
        return log.vote == state.vote && found.suffix(kept.count) == kept[...]
          && log.lastIndex == (state.records.last?.index ?? state.base.index)
          // `work` removes what is before 12.
          && log.base.index <= max(state.base.index, 11)
          && found.allSatisfy { $0.index > state.base.index || state.base.index > log.base.index }
      }
    }
  }

  /// Appends, rotations, a replaced tail across segments, a removal and a reset.
  static func work(_ disk: FaultDisk, _ model: inout Model) throws {
    var log = try Log.open(disk: disk, options: .small(segmentBytes: 700))
    func append(_ records: [LogRecord], _ vote: LogVote?) throws {
      model.began { state in
        if let first = records.first {
          state.records = state.records.filter { $0.index < first.index } + records
        }
        if let vote { state.vote = vote }
      }
      try log.append(records, vote: vote)
    }
    func sync() throws {
      try log.sync()
      model.synced = model.states.count - 1
    }
    for round in 0..<6 as Range<UInt64> {
      try append(
        entries((round * 4 + 1)...(round * 4 + 4), bytes: 90),
        LogVote(term: 1, vote: 1, commit: round * 3))
      if round % 2 == 1 { try sync() }
    }
    try append([], LogVote(term: 2, vote: 3, commit: 12))
    try sync()
    try append(entries(14...15, term: 2, bytes: 600), LogVote(term: 2, vote: 3, commit: 13))
    try append(entries(16...16, term: 2), nil)
    try sync()
    try log.removeSegments(before: 12)
    try append(entries(16...20, term: 3, bytes: 300), LogVote(term: 3, vote: 0, commit: 13))
    try append(entries(21...24, term: 3, bytes: 300), LogVote(term: 3, vote: 2, commit: 13))
    try sync()
    model.began { state in
      state.records = []
      state.base = LogPosition(index: 90, term: 4)
    }
    try log.reset(toIndex: 90, term: 4)
    model.synced = model.states.count - 1
    try append(entries(91...92, term: 4, bytes: 700), LogVote(term: 4, vote: 1, commit: 90))
    try sync()
  }

  @Test(arguments: FaultDisk.Survival.allCases)
  func powerLossAtEveryOperation(survival: FaultDisk.Survival) throws {
    let whole = FaultDisk()
    var model = Model()
    try Self.work(whole, &model)
    #expect(whole.operations > 60)
    for operation in 1...whole.operations {
      let disk = FaultDisk()
      disk.faults[operation] = .powerLoss
      var model = Model()
      #expect(throws: LogError.self) { try Self.work(disk, &model) }
      disk.restart(survival)
      let log = try Log.open(disk: disk, options: .small(segmentBytes: 700))
      #expect(try model.allows(log), "power lost at operation \(operation)")
      // And opening is itself repeatable, and leaves a log without fault.
      let again = try Log.open(disk: disk, options: .small(segmentBytes: 700))
      #expect(try again.all == log.all)
      #expect(again.recovery == LogRecovery())
      #expect(LogVerifierTests.problems(disk) == [], "power lost at operation \(operation)")
    }
  }

  @Test func powerLossWhileOpeningAfterPowerLoss() throws {
    for operation in 1...12 {
      let disk = FaultDisk()
      disk.faults[20] = .powerLoss
      var model = Model()
      #expect(throws: LogError.self) { try Self.work(disk, &model) }
      disk.restart(.half)
      disk.faults[disk.operations + operation] = .powerLoss
      _ = try? Log.open(disk: disk, options: .small(segmentBytes: 700))
      disk.restart(.half)
      #expect(try model.allows(try Log.open(disk: disk, options: .small(segmentBytes: 700))))
    }
  }

  @Test func aFullDiskLeavesTheLogUsable() throws {
    for space in 0..<700 {
      let disk = FaultDisk()
      var log = try Log.open(disk: disk, options: .small(segmentBytes: 700))
      try log.append(entries(1...4, bytes: 120), vote: LogVote(term: 1, vote: 1, commit: 0))
      try log.append(entries(5...6, bytes: 20), vote: nil)
      try log.sync()
      disk.space = space
      let failure = #expect(throws: LogError.self) {
        for index in 7...30 as ClosedRange<UInt64> {
          try log.append(entries(index...index, bytes: 60), vote: nil)
        }
      }
      if case .noSpace = failure {} else { Issue.record("\(String(describing: failure))") }
      disk.space = nil
      let last = log.lastIndex
      #expect(try log.all.last?.index == last)
      try log.append(entries((last + 1)...40), vote: LogVote(term: 2, vote: 2, commit: 0))
      try log.sync()
      let reopened = try Log.open(disk: disk, options: .small(segmentBytes: 700))
      #expect(try reopened.all == log.all)
      #expect(reopened.vote == log.vote)
      #expect(reopened.lastIndex == 40)
      #expect(LogVerifierTests.problems(disk) == [])
    }
  }

  @Test func aFailedSyncIsNeverRetried() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small())
    try log.append(entries(1...4), vote: nil)
    disk.syncFails = true
    let syncs = disk.syncs
    for _ in 0..<3 {
      let failure = #expect(throws: LogError.self) { try log.sync() }
      if case .syncFailed = failure {} else { Issue.record("\(String(describing: failure))") }
    }
    #expect(throws: LogError.self) { try log.append(entries(5...5), vote: nil) }
    #expect(throws: LogError.self) { try log.removeSegments(before: 3) }
    #expect(throws: LogError.self) { try log.reset(toIndex: 3, term: 1) }
    #expect(disk.syncs == syncs)
  }

  @Test func anyOtherFailureOfAWriteEndsTheLog() throws {
    let disk = FaultDisk()
    var log = try Log.open(disk: disk, options: .small())
    disk.faults[disk.operations + 1] = .error(.input)
    #expect(throws: LogError.self) { try log.append(entries(1...4), vote: nil) }
    #expect(throws: LogError.self) { try log.append(entries(1...4), vote: nil) }
  }
}
