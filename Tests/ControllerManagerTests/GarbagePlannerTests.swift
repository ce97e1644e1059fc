import JSONDocument
import KubernetesAPI
import KubernetesClient
import Testing

@testable import ControllerManager

@Suite struct GarbagePlannerTests {
  func object(
    _ uid: String, owners: [String] = [], finalizers: [String] = [], deleted: Bool = false
  ) -> JSONValue {
    var metadata: JSONValue = ["name": .string(uid), "namespace": "n", "uid": .string(uid)]
    if !owners.isEmpty {
      metadata["ownerReferences"] = .array(
        owners.map { ["uid": .string($0), "blockOwnerDeletion": true] })
    }
    if !finalizers.isEmpty {
      metadata["finalizers"] = .array(finalizers.map { .string($0) })
    }
    if deleted { metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z" }
    return ["metadata": metadata]
  }

  func plan(_ graph: OwnershipGraph, _ uid: String, _ owners: [String: GarbagePlanner.OwnerState])
    throws -> [GarbagePlanner.Action]
  {
    GarbagePlanner.plan(
      try #require(graph.nodes[uid]), owners: owners, dependents: graph.dependents(of: uid))
  }

  @Test func dependentsFollowTheirOwner() throws {
    var graph = OwnershipGraph()
    _ = graph.observe(object("rs"), of: .replicaSets, revision: 1)
    #expect(graph.observe(object("pod", owners: ["rs"]), of: .pods, revision: 2) == ["pod"])
    #expect(try plan(graph, "pod", ["rs": .solid]).isEmpty)
    #expect(graph.remove("rs") == ["pod"])
    #expect(try plan(graph, "pod", ["rs": .absent]) == [.delete(policy: "Background")])
  }

  @Test func oneOwnerThatStaysIsEnough() throws {
    var graph = OwnershipGraph()
    _ = graph.observe(object("x", owners: ["a", "b"]), of: .pods, revision: 1)
    #expect(try plan(graph, "x", ["a": .solid, "b": .absent]) == [.removeOwners(["b"])])
  }

  @Test func foregroundWaitsForTheLastDependent() throws {
    var graph = OwnershipGraph()
    _ = graph.observe(object("pod", owners: ["rs"]), of: .pods, revision: 1)
    let deleted = object("rs", finalizers: ["foregroundDeletion"], deleted: true)
    #expect(graph.observe(deleted, of: .replicaSets, revision: 2) == ["rs"])
    #expect(try plan(graph, "rs", [:]) == [.visit(["pod"])])
    #expect(try plan(graph, "pod", ["rs": .waiting]) == [.delete(policy: "Background")])
    #expect(graph.remove("pod") == ["rs"])
    #expect(try plan(graph, "rs", [:]) == [.removeFinalizer("foregroundDeletion")])
  }

  @Test func foregroundGoesDownTheTree() throws {
    var graph = OwnershipGraph()
    _ = graph.observe(object("rs", owners: ["d"]), of: .replicaSets, revision: 1)
    _ = graph.observe(object("pod", owners: ["rs"]), of: .pods, revision: 1)
    #expect(try plan(graph, "rs", ["d": .waiting]) == [.delete(policy: "Foreground")])
  }

  @Test func orphaningFreesTheDependentsFirst() throws {
    var graph = OwnershipGraph()
    _ = graph.observe(object("pod", owners: ["rs"]), of: .pods, revision: 1)
    _ = graph.observe(
      object("rs", finalizers: ["orphan"], deleted: true), of: .replicaSets, revision: 2)
    let pod = try #require(graph.nodes["pod"])
    #expect(try plan(graph, "rs", [:]) == [.orphan([pod])])
    _ = graph.observe(object("pod"), of: .pods, revision: 3)
    #expect(graph.dependents(of: "rs").isEmpty)
  }

  @Test func unknownOwnersCountAsThere() throws {
    var graph = OwnershipGraph()
    _ = graph.observe(object("x", owners: ["custom"]), of: .pods, revision: 1)
    #expect(try plan(graph, "x", [:]).isEmpty)
  }
}
