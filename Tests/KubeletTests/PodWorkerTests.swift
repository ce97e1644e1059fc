import JSONDocument
import KubernetesAPI
import Testing

@testable import Kubelet

private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

private func pod(_ spec: JSONValue, status: JSONValue = [:]) -> PodSpecification {
  PodSpecification([
    "metadata": ["name": "web", "namespace": "default", "uid": "u"], "spec": spec,
    "status": status,
  ])
}

private let plain: JSONValue = ["containers": [["name": "main", "image": "i"]]]

private func sandbox(_ id: String = "s", ready: Bool = true, attempt: Int = 0)
  -> ObservedPod.Sandbox
{
  .init(id: id, isReady: ready, attempt: attempt, createdAt: at(0), address: "10.0.0.2")
}

private func container(
  _ state: ObservedPod.Container.State, name: String = "main", attempt: Int = 0, exit: Int = 0,
  started: Int64 = 1, finished: Int64? = nil, sandbox: String = "s"
) -> ObservedPod.Container {
  .init(
    id: "\(name)-\(attempt)", name: name, sandboxID: sandbox, attempt: attempt, state: state,
    exitCode: exit, createdAt: at(started), startedAt: at(started),
    finishedAt: finished.map(at))
}

@Suite struct PodWorkerTests {
  private func steps(
    _ spec: JSONValue, _ observed: ObservedPod, now: Int64 = 10, worker: PodWorker = PodWorker(),
    failed: [String: String] = [:], started: Set<String> = []
  ) -> [PodWorker.Step] {
    worker.plan(
      pod: pod(spec), observed: observed, intent: .run, now: at(now), failedProbes: failed,
      started: started
    ).steps
  }

  @Test func beginsWithASandbox() {
    #expect(steps(plain, ObservedPod()) == [.createSandbox(attempt: 0)])
  }

  @Test func replacesADeadSandboxAndStopsWhatRanInIt() {
    let observed = ObservedPod(
      sandboxes: [sandbox(ready: false)], containers: [container(.running)])
    #expect(
      steps(plain, observed) == [
        .kill(
          id: "main-0", container: "main", graceSeconds: 0, message: "The pod's sandbox has ended"),
        .createSandbox(attempt: 1),
      ])
  }

  @Test func removesOlderSandboxes() {
    let observed = ObservedPod(
      sandboxes: [sandbox("new", attempt: 1), sandbox("old", ready: false)],
      containers: [container(.running, sandbox: "new")])
    #expect(steps(plain, observed) == [.removeSandbox(id: "old")])
  }

  @Test func startsContainersInASandbox() {
    #expect(
      steps(plain, ObservedPod(sandboxes: [sandbox()])) == [.start(container: "main", attempt: 0)])
  }

  @Test func leavesARunningPodAlone() {
    let observed = ObservedPod(sandboxes: [sandbox()], containers: [container(.running)])
    #expect(steps(plain, observed) == [])
  }

  @Test func initContainersGoFirstAndInOrder() {
    let spec: JSONValue = [
      "initContainers": [["name": "a"], ["name": "b"]], "containers": [["name": "main"]],
    ]
    var observed = ObservedPod(sandboxes: [sandbox()])
    #expect(steps(spec, observed) == [.start(container: "a", attempt: 0)])
    observed.containers = [container(.running, name: "a")]
    #expect(steps(spec, observed) == [])
    observed.containers = [container(.exited, name: "a", finished: 2)]
    #expect(steps(spec, observed) == [.start(container: "b", attempt: 0)])
    observed.containers.append(container(.exited, name: "b", exit: 1, finished: 3))
    #expect(steps(spec, observed) == [.start(container: "b", attempt: 1)])
    observed.containers.append(container(.exited, name: "b", attempt: 1, finished: 4))
    #expect(steps(spec, observed) == [.start(container: "main", attempt: 0)])
  }

  @Test func aSidecarMustHaveStartedAndRunsOn() {
    let spec: JSONValue = [
      "initContainers": [["name": "side", "restartPolicy": "Always"]],
      "containers": [["name": "main"]],
    ]
    let observed = ObservedPod(
      sandboxes: [sandbox()], containers: [container(.running, name: "side")])
    #expect(steps(spec, observed) == [])
    #expect(steps(spec, observed, started: ["side"]) == [.start(container: "main", attempt: 0)])
  }

  @Test(arguments: [
    ("Always", 0, true), ("Always", 1, true), ("OnFailure", 0, false), ("OnFailure", 1, true),
    ("Never", 0, false), ("Never", 1, false),
  ])
  func restartPolicies(policy: String, exit: Int, restarts: Bool) {
    var spec = plain
    spec["restartPolicy"] = .string(policy)
    let observed = ObservedPod(
      sandboxes: [sandbox()], containers: [container(.exited, exit: exit, finished: 5)])
    let expected: [PodWorker.Step] =
      restarts ? [.start(container: "main", attempt: 1)] : [.stopSandbox(id: "s")]
    #expect(steps(spec, observed) == expected)
  }

  @Test func backsOffAndSaysSo() {
    var worker = PodWorker()
    worker.backoff.restarted("main", started: at(1), finished: at(2))
    let observed = ObservedPod(
      sandboxes: [sandbox()], containers: [container(.exited, attempt: 1, exit: 1, finished: 20)])
    let plan = worker.plan(pod: pod(plain), observed: observed, intent: .run, now: at(25))
    #expect(plan.steps == [])
    #expect(plan.wakeAt == at(30))
    #expect(plan.waiting["main"]?.reason == "CrashLoopBackOff")
    #expect(
      plan.waiting["main"]?.message
        == "back-off 10s restarting failed container=main pod=web_default(u)")
    #expect(
      steps(plain, observed, now: 30, worker: worker) == [.start(container: "main", attempt: 2)])
  }

  @Test func killsWhatFailsItsProbe() {
    let observed = ObservedPod(sandboxes: [sandbox()], containers: [container(.running)])
    #expect(
      steps(plain, observed, failed: ["main": "why"]) == [
        .kill(id: "main-0", container: "main", graceSeconds: 30, message: "why")
      ])
  }

  @Test func keepsOnlyTheLastTwoInstances() {
    let observed = ObservedPod(
      sandboxes: [sandbox()],
      containers: [
        container(.exited, attempt: 0, finished: 2), container(.exited, attempt: 1, finished: 3),
        container(.running, attempt: 2),
      ])
    #expect(steps(plain, observed) == [.removeContainer(id: "main-0")])
  }

  @Test func countsRestartsThatOnlyTheAPIRemembers() {
    let plan = PodWorker().plan(
      pod: pod(plain), observed: ObservedPod(sandboxes: [sandbox()]), intent: .run, now: at(1),
      priorRestarts: ["main": 4])
    #expect(plan.steps == [.start(container: "main", attempt: 4)])
  }

  @Test func terminatesMainContainersThenSidecarsThenTheRest() {
    let spec: JSONValue = [
      "initContainers": [["name": "side", "restartPolicy": "Always"]],
      "containers": [["name": "main"]],
    ]
    func plan(_ observed: ObservedPod) -> [PodWorker.Step] {
      PodWorker().plan(
        pod: pod(spec), observed: observed, intent: .terminate(deadline: at(15)), now: at(10)
      ).steps
    }
    var observed = ObservedPod(
      sandboxes: [sandbox()], containers: [container(.running), container(.running, name: "side")])
    #expect(
      plan(observed) == [
        .kill(
          id: "main-0", container: "main", graceSeconds: 5, message: "Stopping container main")
      ])
    observed.containers[0].state = .exited
    #expect(
      plan(observed) == [
        .kill(
          id: "side-0", container: "side", graceSeconds: 5, message: "Stopping container side")
      ])
    observed.containers[1].state = .exited
    #expect(plan(observed) == [.stopSandbox(id: "s"), .removeSandbox(id: "s"), .finished])
    #expect(plan(ObservedPod()) == [.finished])
  }

  @Test func aFinishedPodIsNotRunAgain() {
    let done = pod(plain, status: ["phase": "Succeeded"])
    let plan = PodWorker().plan(
      pod: done, observed: ObservedPod(), intent: .run, now: at(1))
    #expect(plan.steps == [])
  }
}

@Suite struct RestartBackoffTests {
  @Test func doublesToFiveMinutesAndRecovers() {
    var backoff = RestartBackoff()
    var seen: [Int64] = []
    for _ in 0..<8 {
      seen.append(
        backoff.notBefore("c", started: at(0), finished: at(100)).milliseconds(since: at(100))
          / 1000)
      backoff.restarted("c", started: at(0), finished: at(100))
    }
    #expect(seen == [0, 10, 20, 40, 80, 160, 300, 300])
    #expect(backoff.notBefore("c", started: at(0), finished: at(600)) == at(600))
    backoff.restarted("c", started: at(0), finished: at(600))
    #expect(backoff.delaySeconds("c") == 10)
  }
}

@Suite struct ProbeStateTests {
  private func probe(_ kind: ProbeState.Kind, _ json: JSONValue) -> ProbeState {
    ProbeState(kind: kind, probe: json, containerID: "c", startedAt: at(0))
  }

  @Test func readinessMustBeProven() {
    var state = probe(.readiness, ["successThreshold": 2, "periodSeconds": 3])
    #expect(!state.hasPassed)
    state.record(success: true, at: at(1))
    #expect(!state.hasPassed && state.nextAt == at(4))
    state.record(success: true, at: at(4))
    #expect(state.hasPassed)
    for _ in 0..<2 { state.record(success: false, at: at(5)) }
    #expect(state.hasPassed)
    state.record(success: false, at: at(6))
    #expect(!state.hasPassed && state.hasFailed)
  }

  @Test func livenessFailsOnlyInARow() {
    var state = probe(.liveness, ["failureThreshold": 2])
    state.record(success: false, at: at(1))
    state.record(success: true, at: at(2))
    state.record(success: false, at: at(3))
    #expect(!state.hasFailed)
    state.record(success: false, at: at(4))
    #expect(state.hasFailed)
  }

  @Test func nonsenseFromOutsideIsBounded() {
    let state = probe(
      .liveness, ["periodSeconds": -5, "failureThreshold": 0, "timeoutSeconds": .int(.max)])
    #expect(state.periodSeconds == 1 && state.failureThreshold == 1)
    #expect(state.timeoutSeconds == 1 << 31)
  }
}
