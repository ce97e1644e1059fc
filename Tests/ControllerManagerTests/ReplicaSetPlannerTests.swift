import JSONDocument
import KubernetesAPI
import KubernetesClient
import Testing

@testable import ControllerManager

@Suite struct ReplicaSetPlannerTests {
  let now = Timestamp(microseconds: 1_767_225_600_000_000)  // 2026-01-01T00:00:00Z

  func replicaSet(_ replicas: Int, deleted: Bool = false) -> JSONValue {
    var object: JSONValue = [
      "metadata": ["name": "web", "namespace": "n", "uid": "rs", "generation": 3],
      "spec": [
        "replicas": JSONValue(replicas), "selector": ["matchLabels": ["app": "web"]],
        "template": [
          "metadata": ["labels": ["app": "web", "tier": "x"], "annotations": ["a": "b"]],
          "spec": ["containers": [["name": "c"]]],
        ],
      ],
    ]
    if deleted { object.set("2026-01-01T00:00:00Z", at: "metadata", "deletionTimestamp") }
    return object
  }

  func pod(
    _ name: String, phase: String = "Running", ready: String? = nil, node: String = "n1",
    labels: JSONValue = ["app": "web"], deleted: Bool = false, cost: String? = nil,
    created: String = "2025-12-31T00:00:00Z"
  ) -> JSONValue {
    var metadata: JSONValue = [
      "name": .string(name), "uid": .string(name), "labels": labels,
      "creationTimestamp": .string(created),
    ]
    if deleted { metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
    if let cost {
      metadata["annotations"] = ["controller.kubernetes.io/pod-deletion-cost": .string(cost)]
    }
    var status: JSONValue = ["phase": .string(phase)]
    if let ready {
      status["conditions"] = [
        ["type": "Ready", "status": "True", "lastTransitionTime": .string(ready)]
      ]
    }
    return ["metadata": metadata, "spec": ["nodeName": .string(node)], "status": status]
  }

  func planner(_ replicas: Int, _ owned: [JSONValue], orphans: [JSONValue] = [])
    -> ReplicaSetPlanner
  {
    ReplicaSetPlanner(replicaSet: replicaSet(replicas), owned: owned, orphans: orphans, now: now)
  }

  @Test func finishedAndLeavingPodsAreReplaced() {
    let plan = planner(
      3, [pod("a"), pod("b", phase: "Failed"), pod("c", deleted: true), pod("d")])
    let active = plan.claims().active
    #expect(active.map(\.meta.name) == ["a", "d"])
    #expect(plan.scaling(active: active) == .create(1))
  }

  @Test func whatMatchesIsAdoptedAndWhatDoesNotIsReleased() {
    let claims = planner(
      2, [pod("a"), pod("b", labels: ["app": "other"])],
      orphans: [pod("c"), pod("d", labels: [:]), pod("e", phase: "Succeeded")]
    ).claims()
    #expect(claims.adopt.map(\.meta.name) == ["c"])
    #expect(claims.release.map(\.meta.name) == ["b"])
    #expect(claims.active.map(\.meta.name) == ["a", "c"])
  }

  @Test func oneThatIsBeingDeletedDoesNothing() {
    let plan = ReplicaSetPlanner(
      replicaSet: replicaSet(5, deleted: true), owned: [pod("a")], orphans: [pod("b")], now: now)
    #expect(plan.claims().adopt.isEmpty)
    #expect(plan.scaling(active: [pod("a")]) == .none)
  }

  @Test func whatServesLeastGoesFirst() {
    let pods = [
      pod("ready-old", ready: "2025-12-31T00:00:00Z"),
      pod("ready-new", ready: "2025-12-31T12:00:00Z"),
      pod("cheap", ready: "2025-12-31T00:00:00Z", cost: "-5"),
      pod("unready"), pod("pending", phase: "Pending"),
      pod("unassigned", phase: "Pending", node: ""),
    ]
    guard case .delete(let order) = planner(0, pods).scaling(active: pods) else {
      Issue.record("nothing to delete")
      return
    }
    #expect(
      order.map(\.meta.name)
        == ["unassigned", "pending", "unready", "cheap", "ready-new", "ready-old"])
  }

  @Test func crowdedNodesAreRelievedFirst() {
    let pods = [
      pod("a", ready: "2025-12-31T12:00:00Z", node: "n1"),
      pod("b", ready: "2025-12-31T00:00:00Z", node: "n2"),
    ]
    var plan = planner(1, pods)
    plan.siblingsOnNode = ["n1": 1, "n2": 4]
    #expect(plan.scaling(active: pods) == .delete([pods[1]]))
  }

  @Test func theStatusCounts() throws {
    var plan = planner(
      3,
      [
        pod("a", ready: "2025-12-31T23:59:55Z", labels: ["app": "web", "tier": "x"]),
        pod("b", ready: "2025-12-31T23:00:00Z"), pod("c"),
      ])
    plan.replicaSet.set(10, at: "spec", "minReadySeconds")
    let active = plan.claims().active
    let status = try #require(plan.status(active: active, failure: ("FailedCreate", "quota")))
    #expect(status["replicas"] == 3)
    #expect(status["readyReplicas"] == 2)
    #expect(status["availableReplicas"] == 1)
    #expect(status["fullyLabeledReplicas"] == 1)
    #expect(status["observedGeneration"] == 3)
    #expect(Conditions.find("ReplicaFailure", in: status)?["reason"] == "FailedCreate")
    #expect(plan.nextAvailability(active: active) == 5_000)
    plan.replicaSet["status"] = status
    #expect(plan.status(active: active, failure: ("FailedCreate", "quota")) == nil)
    let healed = try #require(plan.status(active: active, failure: nil))
    #expect(healed["conditions"] == nil)
  }

  @Test func podsAreMadeFromTheTemplate() {
    let made = ReplicaSetPlanner.pod(of: replicaSet(1), name: "web-x", prefix: "web-")
    #expect(made.meta.name == "web-x")
    #expect(made.meta.labels == ["app": "web", "tier": "x"])
    #expect(made.meta.annotations == ["a": "b"])
    #expect(made.meta.controller?.uid == "rs")
    #expect(made.meta.controller?.blockOwnerDeletion == true)
    #expect(made.at("spec", "containers")?[0]?["name"] == "c")
  }

  @Test func pendingPodsHoldTheNextPlanBack() {
    let owner = ObjectKey(namespace: "n", name: "web")
    var pending = PendingPods()
    #expect(pending.isSettled(owner, now: 0))
    pending.willCreate("a", for: owner, now: 0)
    pending.willDelete(uid: "u", for: owner, now: 5)
    pending.created("a", for: owner)
    #expect(!pending.isSettled(owner, now: 10))
    pending.deleted(uid: "u", for: owner)
    #expect(pending.isSettled(owner, now: 10))
    pending.willCreate("b", for: owner, now: 20)
    #expect(!pending.isSettled(owner, now: PendingPods.timeoutNanoseconds))
    #expect(pending.isSettled(owner, now: PendingPods.timeoutNanoseconds + 21))
  }

  @Test func batchesGrowAndStopAtAFailure() async {
    struct Full: Error {}
    let counter = Tally()
    await #expect(throws: Full.self) {
      try await inGrowingBatches(100) { _ in
        if await counter.next() > 5 { throw Full() }
      }
    }
    // 1, 2 and 4: the third batch ran to its end.
    #expect(await counter.count == 7)
  }
}

actor Tally {
  private(set) var count = 0
  func next() -> Int {
    count += 1
    return count
  }
}
