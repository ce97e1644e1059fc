import ClusterConfiguration
import Testing

@testable import LocalCluster

struct SupervisorStateTests {
  typealias Action = SupervisorState.Action

  let server = ProcessSpecification(name: "server-1", stage: .server, command: ["a"])
  let endpoint = ProcessSpecification(name: "endpoint", stage: .endpoint, command: ["b"])
  let runtime = ProcessSpecification(name: "containerd-x", stage: .containerRuntime, command: ["c"])
  let agent = ProcessSpecification(name: "kubelet-x", stage: .nodeAgent, command: ["d"])

  func process(_ pid: Int32) -> ProcessIdentity {
    ProcessIdentity(pid: pid, startTime: 1)
  }

  /// Without the lines for the log.
  func effects(_ actions: [Action]) -> [Action] {
    actions.filter { if case .report = $0 { false } else { true } }
  }

  @Test func launchesWhatIsAdded() {
    var state = SupervisorState()
    #expect(state.add(server, adopted: nil, nowMilliseconds: 0) == [.launch(server)])
    #expect(state.add(server, adopted: nil, nowMilliseconds: 0).isEmpty)
    #expect(effects(state.started("server-1", process(7), nowMilliseconds: 1)).isEmpty)
    #expect(state.process(named: "server-1") == process(7))
    #expect(state.nextDeadlineMilliseconds == nil)
  }

  @Test func firstRestartComesWithinATenthOfASecond() {
    var state = SupervisorState()
    _ = state.add(server, adopted: nil, nowMilliseconds: 0)
    _ = state.started("server-1", process(7), nowMilliseconds: 0)
    let actions = state.exited("server-1", process(7), reason: "killed", nowMilliseconds: 20_000)
    #expect(effects(actions).isEmpty)
    #expect(state.nextDeadlineMilliseconds == 20_050)
    #expect(state.tick(nowMilliseconds: 20_049).isEmpty)
    #expect(state.tick(nowMilliseconds: 20_050) == [.launch(server)])
    #expect(state.restarts(of: "server-1") == 1)
  }

  @Test func delaysDoubleAndAHealthyRunResetsThem() {
    var state = SupervisorState()
    _ = state.add(server, adopted: nil, nowMilliseconds: 0)
    var now: Int64 = 0
    var delays: [Int64] = []
    func crash(after life: Int64) {
      _ = state.started("server-1", process(7), nowMilliseconds: now)
      now += life
      _ = state.exited("server-1", process(7), reason: "exited with 1", nowMilliseconds: now)
      let due = state.nextDeadlineMilliseconds ?? -1
      delays.append(due - now)
      now = due
      #expect(effects(state.tick(nowMilliseconds: now)) == [.launch(server)])
    }
    for _ in 0..<9 { crash(after: 10) }
    #expect(delays == [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
    crash(after: 10_000)
    #expect(delays.last == 50)
  }

  @Test func whatCannotBeStartedIsTriedAgain() {
    var state = SupervisorState()
    _ = state.add(server, adopted: nil, nowMilliseconds: 0)
    let actions = state.startFailed("server-1", reason: "no such file", nowMilliseconds: 5)
    #expect(
      actions == [
        .report("server-1: can't be started: no such file; starting it again in 50 ms")
      ])
    #expect(state.tick(nowMilliseconds: 55) == [.launch(server)])
  }

  @Test func adoptedProcessesAreNotStartedButAreRestarted() {
    var state = SupervisorState()
    #expect(effects(state.add(server, adopted: process(9), nowMilliseconds: 0)).isEmpty)
    #expect(state.process(named: "server-1") == process(9))
    _ = state.exited("server-1", process(9), reason: "ended", nowMilliseconds: 10)
    #expect(state.tick(nowMilliseconds: 60) == [.launch(server)])
  }

  @Test func newsOfAnEarlierProcessChangesNothing() {
    var state = SupervisorState()
    _ = state.add(server, adopted: nil, nowMilliseconds: 0)
    _ = state.started("server-1", process(8), nowMilliseconds: 0)
    #expect(
      state.exited("server-1", process(7), reason: "late", nowMilliseconds: 5).isEmpty)
    #expect(state.started("server-1", process(9), nowMilliseconds: 5).isEmpty)
    #expect(state.exited("nobody", process(8), reason: "", nowMilliseconds: 5).isEmpty)
    #expect(state.process(named: "server-1") == process(8))
  }

  func running() -> SupervisorState {
    var state = SupervisorState()
    for (index, specification) in [server, endpoint, runtime, agent].enumerated() {
      _ = state.add(specification, adopted: nil, nowMilliseconds: 0)
      _ = state.started(specification.name, process(Int32(index + 1)), nowMilliseconds: 0)
    }
    return state
  }

  func terminate(_ name: String, _ pid: Int32) -> Action {
    .signal(name: name, process: process(pid), number: 15)
  }

  @Test func stopsStageByStageServersLast() {
    var state = running()
    #expect(effects(state.stop(nowMilliseconds: 0)) == [terminate("kubelet-x", 4)])
    #expect(state.stop(nowMilliseconds: 0).isEmpty)
    var actions = state.exited("kubelet-x", process(4), reason: "", nowMilliseconds: 1)
    #expect(effects(actions) == [terminate("containerd-x", 3)])
    actions = state.exited("containerd-x", process(3), reason: "", nowMilliseconds: 2)
    #expect(effects(actions) == [terminate("endpoint", 2)])
    actions = state.exited("endpoint", process(2), reason: "", nowMilliseconds: 3)
    #expect(effects(actions) == [terminate("server-1", 1)])
    #expect(!state.isFinished)
    actions = state.exited("server-1", process(1), reason: "", nowMilliseconds: 4)
    #expect(effects(actions) == [.finished])
    #expect(state.isFinished)
    #expect(state.add(server, adopted: nil, nowMilliseconds: 5).isEmpty)
  }

  @Test func whatDoesNotEndIsKilled() {
    var state = running()
    _ = state.stop(nowMilliseconds: 100)
    #expect(state.nextDeadlineMilliseconds == 10_100)
    #expect(state.tick(nowMilliseconds: 10_099).isEmpty)
    #expect(
      effects(state.tick(nowMilliseconds: 10_100)) == [
        .signal(name: "kubelet-x", process: process(4), number: 9)
      ])
    #expect(state.nextDeadlineMilliseconds == nil)
    #expect(
      effects(state.exited("kubelet-x", process(4), reason: "", nowMilliseconds: 10_101))
        == [terminate("containerd-x", 3)])
  }

  @Test func aProcessThatDiesOutOfTurnIsNotStartedAgain() {
    var state = running()
    _ = state.stop(nowMilliseconds: 0)
    let actions = state.exited("server-1", process(1), reason: "crash", nowMilliseconds: 1)
    #expect(effects(actions).isEmpty)
    #expect(state.nextDeadlineMilliseconds == 10_000)
    #expect(state.tick(nowMilliseconds: 9_000).isEmpty)
  }

  @Test func aProcessBeingStartedWhileStoppingIsStoppedToo() {
    var state = SupervisorState()
    _ = state.add(server, adopted: nil, nowMilliseconds: 0)
    #expect(effects(state.stop(nowMilliseconds: 0)).isEmpty)
    #expect(
      effects(state.started("server-1", process(5), nowMilliseconds: 1))
        == [terminate("server-1", 5)])
    #expect(
      effects(state.exited("server-1", process(5), reason: "", nowMilliseconds: 2)) == [.finished])
  }

  @Test func whatWaitsForARestartIsLeftAlone() {
    var state = SupervisorState()
    _ = state.add(server, adopted: nil, nowMilliseconds: 0)
    _ = state.startFailed("server-1", reason: "x", nowMilliseconds: 0)
    #expect(effects(state.stop(nowMilliseconds: 1)) == [.finished])
    #expect(state.tick(nowMilliseconds: 100).isEmpty)
  }

  @Test func anEmptySupervisorStopsAtOnce() {
    var state = SupervisorState()
    #expect(effects(state.stop(nowMilliseconds: 0)) == [.finished])
  }

  @Test(arguments: [
    ("server-3", ProcessSpecification.Stage.server), ("endpoint", .endpoint),
    ("containerd-worker-1", .containerRuntime), ("kubelet-worker-1", .nodeAgent),
    ("hollow-nodes", .nodeAgent),
  ])
  func namesTellTheStage(name: String, stage: ProcessSpecification.Stage) {
    #expect(ProcessSpecification.stage(ofName: name) == stage)
  }
}
