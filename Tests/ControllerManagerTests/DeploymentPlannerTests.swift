import JSONDocument
import KubernetesAPI
import KubernetesClient
import Testing

@testable import ControllerManager

/// A Deployment with ReplicaSets that do what they are told at once, to walk plans to their end.
struct DeploymentWalk {
  var deployment: JSONValue
  var replicaSets: [JSONValue] = []
  var now = Timestamp(microseconds: 1_700_000_000_000_000)
  var statusNotes: [String] = []

  init(replicas: Int, image: String = "v1", strategy: JSONValue = [:]) {
    deployment = [
      "metadata": ["name": "web", "namespace": "n", "uid": "d", "generation": 1],
      "spec": [
        "replicas": JSONValue(replicas), "selector": ["matchLabels": ["app": "web"]],
        "strategy": strategy,
        "template": [
          "metadata": ["labels": ["app": "web"]],
          "spec": ["containers": [["name": "c", "image": .string(image)]]],
        ],
      ],
    ]
  }

  var planner: DeploymentPlanner {
    DeploymentPlanner(deployment: deployment, replicaSets: replicaSets, now: now)
  }

  mutating func edit(_ value: JSONValue, _ path: String...) {
    deployment.set(value, path: ArraySlice(["spec"] + path))
    deployment.set(.int(deployment.meta.generation + 1), at: "metadata", "generation")
  }

  mutating func setImage(_ image: String) {
    edit([["name": "c", "image": .string(image)]], "template", "spec", "containers")
  }

  /// Carries out one plan; false where it asks for nothing but the status.
  mutating func step() -> Bool {
    var acted = false
    for action in planner.plan() {
      switch action {
      case .createReplicaSet(var replicaSet):
        acted = true
        replicaSet.set(.string(replicaSet.meta.name), at: "metadata", "uid")
        replicaSet.set(
          .string("2026-01-01T00:00:\(10 + replicaSets.count)Z"), at: "metadata",
          "creationTimestamp")
        replicaSets.append(replicaSet)
      case .patchReplicaSet(let name, let patch, _):
        acted = true
        guard let position = replicaSets.firstIndex(where: { $0.meta.name == name }) else {
          continue
        }
        for (key, value) in patch.at("metadata", "annotations")?.objectValue ?? [:] {
          replicaSets[position].set(value, at: "metadata", "annotations", key)
        }
        if let replicas = patch.at("spec", "replicas") {
          replicaSets[position].set(replicas, at: "spec", "replicas")
        }
      case .deleteReplicaSet(let name):
        acted = true
        replicaSets.removeAll { $0.meta.name == name }
      case .patchDeployment(let patch):
        for (key, value) in patch.at("metadata", "annotations")?.objectValue ?? [:] {
          deployment.set(value, at: "metadata", "annotations", key)
        }
      case .updateStatus(let status): deployment["status"] = status
      }
    }
    return acted
  }

  /// The ReplicaSets make what they should; `ready` of them are up.
  mutating func settle(ready: (JSONValue) -> Int64 = { $0.at("spec", "replicas")?.intValue ?? 0 }) {
    for position in replicaSets.indices {
      let wanted = replicaSets[position].at("spec", "replicas")?.intValue ?? 0
      let up = min(wanted, ready(replicaSets[position]))
      replicaSets[position]["status"] = [
        "replicas": .int(wanted), "readyReplicas": .int(up), "availableReplicas": .int(up),
      ]
    }
  }

  var sizes: [Int64] { replicaSets.map { $0.at("spec", "replicas")?.intValue ?? 0 } }
  func condition(_ type: String) -> JSONValue? {
    Conditions.find(type, in: deployment["status"])
  }

  /// Steps and settles until nothing is left to do; the sizes seen.
  mutating func finish() -> [[Int64]] {
    var seen: [[Int64]] = []
    for _ in 0..<100 {
      if !step() {
        settle()
        if !step() { break }
      }
      seen.append(sizes)
      settle()
    }
    return seen
  }
}

@Suite struct DeploymentPlannerTests {
  @Test func aNewDeploymentMakesOneReplicaSet() throws {
    var walk = DeploymentWalk(replicas: 3)
    #expect(walk.finish().last == [3])
    let made = try #require(walk.replicaSets.first)
    let hash = try #require(made.meta.label("pod-template-hash"))
    #expect(made.meta.name == "web-\(hash)")
    #expect(made.at("spec", "selector", "matchLabels", "pod-template-hash")?.stringValue == hash)
    #expect(made.meta.controller?.uid == "d")
    #expect(made.meta.annotation("deployment.kubernetes.io/revision") == "1")
    #expect(made.meta.annotation("deployment.kubernetes.io/max-replicas") == "4")
    #expect(walk.deployment.meta.annotation("deployment.kubernetes.io/revision") == "1")
    #expect(walk.condition("Available")?["status"] == "True")
    #expect(walk.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
    #expect(walk.deployment.at("status", "observedGeneration") == 1)
    #expect(walk.deployment.at("status", "updatedReplicas") == 3)
  }

  @Test func aRollingUpdateStaysWithinItsBudget() {
    var walk = DeploymentWalk(replicas: 10)
    _ = walk.finish()
    walk.setImage("v2")
    let seen = walk.finish()
    #expect(seen.last == [0, 10])
    // 25% of 10: three above (rounded up), two below (rounded down).
    #expect(seen.allSatisfy { $0.reduce(0, +) <= 13 && $0.reduce(0, +) >= 8 })
    #expect(walk.deployment.meta.annotation("deployment.kubernetes.io/revision") == "2")
    #expect(walk.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
  }

  @Test func anUpdateThatNeverBecomesReadyStopsAndTimesOut() {
    var walk = DeploymentWalk(
      replicas: 4,
      strategy: ["rollingUpdate": ["maxSurge": 1, "maxUnavailable": 0]])
    _ = walk.finish()
    walk.setImage("broken")
    for _ in 0..<10 {
      _ = walk.step()
      walk.settle {
        $0.at("spec", "template", "spec", "containers")?[0]?["image"] == "broken" ? 0 : 9
      }
    }
    #expect(walk.sizes == [4, 1])
    #expect(walk.condition("Available")?["status"] == "True")
    #expect(walk.condition("Progressing")?["status"] == "True")
    walk.now = walk.now.adding(seconds: 601)
    _ = walk.step()
    #expect(walk.condition("Progressing")?["reason"] == "ProgressDeadlineExceeded")
    #expect(walk.condition("Progressing")?["status"] == "False")
  }

  @Test func aRollbackUsesTheOldReplicaSetAgain() {
    var walk = DeploymentWalk(replicas: 2)
    _ = walk.finish()
    walk.setImage("v2")
    _ = walk.finish()
    walk.setImage("v1")
    #expect(walk.finish().last == [2, 0])
    #expect(walk.replicaSets.count == 2)
    #expect(
      walk.replicaSets[0].meta.annotation("deployment.kubernetes.io/revision") == "3")
    #expect(
      walk.replicaSets[0].meta.annotation("deployment.kubernetes.io/revision-history") == "1")
    #expect(walk.deployment.meta.annotation("deployment.kubernetes.io/revision") == "3")
  }

  @Test func recreateWaitsForTheOldPods() {
    var walk = DeploymentWalk(replicas: 2, strategy: ["type": "Recreate"])
    _ = walk.finish()
    walk.setImage("v2")
    _ = walk.step()
    #expect(walk.sizes == [0])
    let waiting = DeploymentPlanner(
      deployment: walk.deployment, replicaSets: walk.replicaSets,
      runningOwners: [walk.replicaSets[0].meta.uid], now: walk.now)
    #expect(
      !waiting.plan().contains {
        if case .createReplicaSet = $0 { true } else { false }
      })
    #expect(walk.finish().last == [0, 2])
  }

  @Test func scalingInAnUpdateIsProportional() {
    var walk = DeploymentWalk(replicas: 10)
    _ = walk.finish()
    walk.setImage("v2")
    for _ in 0..<3 {
      _ = walk.step()
      walk.settle { $0.meta.annotation("deployment.kubernetes.io/revision") == "2" ? 0 : 99 }
    }
    #expect(walk.sizes == [8, 5])
    walk.edit(20, "replicas")
    _ = walk.step()
    // 25 in all, since five may surge.
    #expect(walk.sizes.reduce(0, +) == 25)
    #expect(walk.sizes[0] > 8 && walk.sizes[1] > 5)
    walk.settle()
    #expect(walk.finish().last == [0, 20])
  }

  @Test func aPausedDeploymentScalesButDoesNotRoll() {
    var walk = DeploymentWalk(replicas: 2)
    _ = walk.finish()
    walk.edit(true, "paused")
    walk.setImage("v2")
    walk.edit(5, "replicas")
    #expect(walk.finish().last == [5])
    #expect(walk.condition("Progressing")?["reason"] == "DeploymentPaused")
    walk.edit(false, "paused")
    #expect(walk.finish().last == [0, 5])
    #expect(walk.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
  }

  @Test func scaledToZeroAndBack() {
    var walk = DeploymentWalk(replicas: 3)
    _ = walk.finish()
    walk.edit(0, "replicas")
    #expect(walk.finish().last == [0])
    walk.edit(2, "replicas")
    #expect(walk.finish().last == [2])
    #expect(walk.replicaSets.count == 1)
  }

  @Test func theHistoryIsBounded() {
    var walk = DeploymentWalk(replicas: 1)
    walk.edit(2, "revisionHistoryLimit")
    _ = walk.finish()
    for version in 2...6 {
      walk.setImage("v\(version)")
      _ = walk.finish()
      _ = walk.finish()
    }
    #expect(walk.replicaSets.count == 3)
    #expect(
      walk.replicaSets.map { $0.meta.annotation("deployment.kubernetes.io/revision") }
        == ["4", "5", "6"])
  }

  @Test(arguments: [
    (10, "25%", "25%", 3, 2), (1, "25%", "25%", 1, 0), (10, "0", "0%", 0, 1),
    (3, "100%", "50%", 3, 1), (0, "25%", "25%", 0, 0),
  ])
  func budgets(replicas: Int, surge: String, unavailable: String, up: Int, down: Int) {
    func value(_ text: String) -> JSONValue { Int64(text).map { .int($0) } ?? .string(text) }
    let walk = DeploymentWalk(
      replicas: replicas,
      strategy: [
        "rollingUpdate": ["maxSurge": value(surge), "maxUnavailable": value(unavailable)]
      ])
    let facts = DeploymentFacts(object: walk.deployment)
    #expect(facts.maxSurge == up)
    #expect(facts.maxUnavailable == down)
  }

  @Test func hashesFollowTheTemplateNotItsSpelling() {
    let left: JSONValue = ["spec": ["a": 1, "b": [:]], "metadata": ["creationTimestamp": .null]]
    let right: JSONValue = ["metadata": [:], "spec": ["a": 1]]
    #expect(PodTemplate.hash(left, collisions: 0) == PodTemplate.hash(right, collisions: 0))
    #expect(PodTemplate.hash(left, collisions: 1) != PodTemplate.hash(right, collisions: 0))
    #expect(
      PodTemplate.hash(["spec": ["a": 2]], collisions: 0)
        != PodTemplate.hash(right, collisions: 0))
  }
}
