import ClusterConfiguration
import Foundation

/// Runs what `SupervisorState` decides: processes, their pid files and logs.
///
/// Works on threads of its own, so that nothing else in the process delays a restart.
public final class Supervisor: Sendable {
  private let home: TaffrailHome
  private let start = ContinuousClock.now
  /// Guards the two below; signalled when the next deadline may have changed.
  private let condition = NSCondition()
  nonisolated(unsafe) private var state = SupervisorState()
  nonisolated(unsafe) private var waiters: [CheckedContinuation<Void, Never>] = []

  public init(home: TaffrailHome) {
    self.home = home
    // Ends when all has been stopped.
    Thread.detachNewThread { self.keepTime() }
  }

  public var isStopping: Bool {
    condition.withLock { state.isStopping }
  }

  public func process(named name: String) -> ProcessIdentity? {
    condition.withLock { state.process(named: name) }
  }

  /// Takes a process into care: adopts the one that its pid file names, or starts it.
  public func add(_ specification: ProcessSpecification) {
    let adopted = ProcessIdentity.running(pidFile: home.pidFile(specification.name))
    condition.withLock {
      perform(state.add(specification, adopted: adopted, nowMilliseconds: now))
      if let adopted, state.process(named: specification.name) == adopted {
        SupervisedProcess(adopting: adopted).whenEnded(exitReport(specification.name, adopted))
      }
    }
  }

  /// Begins to end everything.
  public func stop() {
    condition.withLock { perform(state.stop(nowMilliseconds: now)) }
  }

  /// Returns when everything has ended after `stop`.
  public func waitUntilFinished() async {
    await withCheckedContinuation { continuation in
      condition.withLock {
        if state.isFinished { continuation.resume() } else { waiters.append(continuation) }
      }
    }
  }

  /// Writes a line to the supervisor's log, which is its standard output.
  public func log(_ line: String) {
    let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true))
    try? FileHandle.standardOutput.write(contentsOf: Data("\(time) \(line)\n".utf8))
  }

  private var now: Int64 {
    let elapsed = ContinuousClock.now - start
    return elapsed.components.seconds * 1000
      + elapsed.components.attoseconds / 1_000_000_000_000_000
  }

  /// With the lock held.
  private func perform(_ actions: [SupervisorState.Action]) {
    for action in actions {
      switch action {
      case .launch(let specification):
        launch(specification)
      case .signal(_, let process, let number):
        // Its whole session, so that no helper of its own stays behind; containers have sessions
        // of their own.
        if process.isRunning, kill(-process.pid, number) != 0 { process.signal(number) }
      case .report(let line):
        log(line)
      case .finished:
        for waiter in waiters { waiter.resume() }
        waiters = []
      }
    }
    condition.broadcast()
  }

  private func launch(_ specification: ProcessSpecification) {
    let name = specification.name
    do {
      let started = try SupervisedProcess(
        specification.command, logFile: home.logFile(name),
        environment: ["TAFFRAIL_HOME": home.path])
      let process = started.identity
      do {
        try AtomicFile.write(process.text, to: home.pidFile(name), mode: 0o644)
      } catch {
        // It runs all the same; only a later supervisor would not know it.
        log("\(name): \(error)")
      }
      perform(state.started(name, process, nowMilliseconds: now))
      started.whenEnded(exitReport(name, process))
    } catch {
      perform(state.startFailed(name, reason: "\(error)", nowMilliseconds: now))
    }
  }

  /// Called on the thread that waited for the process.
  private func exitReport(_ name: String, _ process: ProcessIdentity) -> @Sendable (String) -> Void
  {
    { [self] reason in
      condition.withLock {
        unlink(home.pidFile(name))
        perform(state.exited(name, process, reason: reason, nowMilliseconds: now))
      }
    }
  }

  private func keepTime() {
    condition.lock()
    defer { condition.unlock() }
    while !state.isFinished {
      guard let deadline = state.nextDeadlineMilliseconds else {
        condition.wait()
        continue
      }
      let delay = deadline - now
      if delay > 0 {
        _ = condition.wait(until: Date(timeIntervalSinceNow: Double(delay) / 1000))
      } else {
        perform(state.tick(nowMilliseconds: now))
      }
    }
  }
}
