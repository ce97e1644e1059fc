import ClusterConfiguration

/// What the supervisor decides: which process to start, when, and how to stop them all.
///
/// A value without clock or I/O: events come in with the time, actions go out, and
/// `nextDeadlineMilliseconds` says when to call `tick`.
///
/// A process that ends is started again after 50 ms, doubled with each end up to 5 s; one that ran
/// for 10 s begins anew. Stopping ends one stage after the other, last to first: SIGTERM, and
/// SIGKILL when a process takes longer than its stage allows.
public struct SupervisorState: Sendable {
  public enum Action: Sendable, Hashable {
    /// Start it and report `started` or `startFailed`.
    case launch(ProcessSpecification)
    case signal(name: String, process: ProcessIdentity, number: Int32)
    /// A line for the supervisor's log.
    case report(String)
    /// Everything has ended after `stop`.
    case finished
  }

  public static let firstDelayMilliseconds: Int64 = 50
  public static let maximumDelayMilliseconds: Int64 = 5_000
  public static let healthyMilliseconds: Int64 = 10_000
  static let terminate: Int32 = 15
  static let kill: Int32 = 9

  private enum Phase: Sendable, Hashable {
    case waiting(untilMilliseconds: Int64)
    case starting
    case running(ProcessIdentity, sinceMilliseconds: Int64)
    /// `killAtMilliseconds` nil: SIGKILL was sent.
    case stopping(ProcessIdentity, killAtMilliseconds: Int64?)
    case stopped
  }

  private struct Entry: Sendable {
    var specification: ProcessSpecification
    var phase: Phase
    var nextDelayMilliseconds = SupervisorState.firstDelayMilliseconds
    var restarts = 0
  }

  private var entries: [Entry] = []
  public private(set) var isStopping = false
  public private(set) var isFinished = false

  public init() {}

  public func process(named name: String) -> ProcessIdentity? {
    guard let index = index(name) else { return nil }
    switch entries[index].phase {
    case .running(let process, _), .stopping(let process, _): return process
    case .waiting, .starting, .stopped: return nil
    }
  }

  /// How often the process was started again.
  public func restarts(of name: String) -> Int {
    index(name).map { entries[$0].restarts } ?? 0
  }

  /// When `tick` has something to do next.
  public var nextDeadlineMilliseconds: Int64? {
    entries.compactMap { entry in
      switch entry.phase {
      case .waiting(let until): until
      case .stopping(_, let killAt): killAt
      case .starting, .running, .stopped: nil
      }
    }.min()
  }

  // MARK: Events

  /// Takes a process into care; `adopted` is the one that an earlier supervisor left running. A
  /// name that is there already, and anything after `stop`, changes nothing.
  public mutating func add(
    _ specification: ProcessSpecification, adopted: ProcessIdentity?, nowMilliseconds now: Int64
  ) -> [Action] {
    guard !isStopping, index(specification.name) == nil else { return [] }
    if let adopted {
      entries.append(
        Entry(specification: specification, phase: .running(adopted, sinceMilliseconds: now)))
      return [.report("\(specification.name): runs already as process \(adopted.pid)")]
    }
    entries.append(Entry(specification: specification, phase: .starting))
    return [.launch(specification)]
  }

  public mutating func started(
    _ name: String, _ process: ProcessIdentity, nowMilliseconds now: Int64
  ) -> [Action] {
    guard let index = index(name), entries[index].phase == .starting else { return [] }
    entries[index].phase = .running(process, sinceMilliseconds: now)
    let report = Action.report("\(name): started as process \(process.pid)")
    return isStopping ? [report] + stopCurrentStage(now) : [report]
  }

  public mutating func startFailed(
    _ name: String, reason: String, nowMilliseconds now: Int64
  ) -> [Action] {
    guard let index = index(name), entries[index].phase == .starting else { return [] }
    return ended(index, "can't be started: \(reason)", now)
  }

  /// `reason` such as "exited with 1".
  public mutating func exited(
    _ name: String, _ process: ProcessIdentity, reason: String, nowMilliseconds now: Int64
  ) -> [Action] {
    guard let index = index(name) else { return [] }
    switch entries[index].phase {
    case .running(process, let since):
      if now - since >= Self.healthyMilliseconds {
        entries[index].nextDelayMilliseconds = Self.firstDelayMilliseconds
      }
      return ended(index, reason, now)
    case .stopping(process, _):
      entries[index].phase = .stopped
      return [.report("\(name): stopped (\(reason))")] + stopCurrentStage(now)
    case .waiting, .starting, .running, .stopping, .stopped:
      return []
    }
  }

  /// Starts what is due and kills what did not end in time.
  public mutating func tick(nowMilliseconds now: Int64) -> [Action] {
    var actions: [Action] = []
    for index in entries.indices {
      let specification = entries[index].specification
      switch entries[index].phase {
      case .waiting(let until) where until <= now:
        entries[index].phase = .starting
        entries[index].restarts += 1
        actions.append(.launch(specification))
      case .stopping(let process, let killAt?) where killAt <= now:
        entries[index].phase = .stopping(process, killAtMilliseconds: nil)
        actions.append(.report("\(specification.name): did not end in time; killed"))
        actions.append(.signal(name: specification.name, process: process, number: Self.kill))
      case .waiting, .starting, .running, .stopping, .stopped:
        break
      }
    }
    return actions
  }

  /// Ends everything, stage by stage; `finished` comes when all is over.
  public mutating func stop(nowMilliseconds now: Int64) -> [Action] {
    guard !isStopping else { return [] }
    isStopping = true
    for index in entries.indices {
      if case .waiting = entries[index].phase { entries[index].phase = .stopped }
    }
    return [.report("stopping")] + stopCurrentStage(now)
  }

  // MARK: Steps

  private func index(_ name: String) -> Int? {
    entries.firstIndex { $0.specification.name == name }
  }

  private mutating func ended(_ index: Int, _ reason: String, _ now: Int64) -> [Action] {
    let name = entries[index].specification.name
    guard !isStopping else {
      entries[index].phase = .stopped
      return [.report("\(name): \(reason)")] + stopCurrentStage(now)
    }
    let delay = entries[index].nextDelayMilliseconds
    entries[index].nextDelayMilliseconds = min(delay * 2, Self.maximumDelayMilliseconds)
    entries[index].phase = .waiting(untilMilliseconds: now + delay)
    return [.report("\(name): \(reason); starting it again in \(delay) ms")]
  }

  /// Asks the running processes of the last stage that has any to end.
  private mutating func stopCurrentStage(_ now: Int64) -> [Action] {
    precondition(isStopping)
    let alive = entries.indices.filter { entries[$0].phase != .stopped }
    guard let stage = alive.map({ entries[$0].specification.stage }).max() else {
      guard !isFinished else { return [] }
      isFinished = true
      return [.finished]
    }
    var actions: [Action] = []
    for index in alive where entries[index].specification.stage == stage {
      guard case .running(let process, _) = entries[index].phase else { continue }
      entries[index].phase = .stopping(
        process, killAtMilliseconds: now + stage.stopTimeoutMilliseconds)
      actions.append(
        .signal(
          name: entries[index].specification.name, process: process, number: Self.terminate))
    }
    return actions
  }
}
