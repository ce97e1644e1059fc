import JSONDocument
import KubernetesAPI
import NIOConcurrencyHelpers
import Testing

@testable import KubernetesClient

func object(_ name: String, version: String, uid: String = "", owner: String? = nil) -> JSONValue {
  var metadata: JSONValue = [
    "namespace": "n", "name": .string(name), "uid": .string(uid.isEmpty ? name : uid),
    "resourceVersion": .string(version), "managedFields": [["manager": "m"]],
  ]
  if let owner { metadata["ownerReferences"] = [["uid": .string(owner)]] }
  return ["metadata": metadata]
}

/// Answers lists and watches from a script, and tells which were asked for.
final class ScriptedClient: KubernetesClient {
  enum Step: Sendable {
    case list([JSONValue], version: String)
    case listFails
    case watch([WatchEvent])
    case watchFails(APIStatus)
  }

  private struct State {
    var steps: [Step]
    var calls: [String] = []
  }

  private let state: NIOLockedValueBox<State>

  init(_ steps: [Step]) { state = NIOLockedValueBox(State(steps: steps)) }

  var calls: [String] { state.withLockedValue { $0.calls } }

  private func next(_ call: String) -> Step? {
    state.withLockedValue { state in
      guard !state.steps.isEmpty else { return nil }
      state.calls.append(call)
      return state.steps.removeFirst()
    }
  }

  func list(_ resource: GroupVersionResource, namespace: String?, options: ListOptions)
    async throws -> ObjectList
  {
    guard case .list(let items, let version) = next("list") else {
      throw APIStatus(code: 503, reason: "ServiceUnavailable", message: "down")
    }
    return ObjectList(items: items, resourceVersion: version)
  }

  func watch(
    _ resource: GroupVersionResource, namespace: String?, after resourceVersion: String,
    options: ListOptions, receive: @escaping @Sendable ([WatchEvent]) -> Void
  ) async throws {
    switch next("watch \(resourceVersion)") {
    case .watch(let events): receive(events)
    case .watchFails(let status): throw status
    default: try await Task.sleep(for: .seconds(3600))
    }
  }

  func get(_ resource: GroupVersionResource, namespace: String?, name: String) async throws
    -> JSONValue
  { throw APIStatus.notFound(resource, name: name) }

  func create(
    _ resource: GroupVersionResource, namespace: String?, object: JSONValue,
    subresource: (name: String, subresource: String)?
  ) async throws -> JSONValue { object }

  func update(
    _ resource: GroupVersionResource, namespace: String?, name: String, object: JSONValue,
    subresource: String?
  ) async throws -> JSONValue { object }

  func patch(
    _ resource: GroupVersionResource, namespace: String?, name: String, patch: JSONValue,
    type: PatchType, subresource: String?
  ) async throws -> JSONValue { patch }

  func delete(
    _ resource: GroupVersionResource, namespace: String?, name: String, options: DeleteOptions
  ) async throws {}
}

@Suite struct InformerTests {
  @Test func aWatchResumesWhereItBrokeAndListsAnewOnlyWhenExpired() async throws {
    let expired = APIStatus(code: 410, reason: "Expired", message: "too old")
    let client = ScriptedClient([
      .listFails,
      .list([object("a", version: "3"), object("b", version: "4")], version: "5"),
      .watch([
        WatchEvent(kind: .modified, object: object("a", version: "6")),
        WatchEvent(kind: .added, object: object("c", version: "7")),
      ]),
      .watch([WatchEvent(kind: .bookmark, object: object("", version: "9"))]),
      .watchFails(expired),
      .list(
        [object("a", version: "6"), object("c", version: "7", uid: "c2")], version: "20"),
      .watch([WatchEvent(kind: .deleted, object: object("a", version: "21"))]),
    ])
    let informer = Informer(client: client, resource: .pods)
    let (deltas, delivering) = AsyncStream.makeStream(of: String.self)
    informer.addHandler { delta in
      let old = delta.old?.at("metadata", "resourceVersion")?.stringValue ?? "-"
      let new = delta.new?.at("metadata", "resourceVersion")?.stringValue ?? "-"
      delivering.yield("\(delta.key) \(old)>\(new) @\(delta.revision)")
    }
    let task = Task { await informer.run() }
    try await informer.waitForSync()
    var seen: [String] = []
    for await delta in deltas {
      seen.append(delta)
      if delta.hasSuffix("@21") { break }
    }
    #expect(seen.prefix(4) == ["n/a ->3 @3", "n/b ->4 @4", "n/a 3>6 @6", "n/c ->7 @7"])
    // b is gone, and c is another object of the same name.
    #expect(Set(seen[4...5]) == ["n/b 4>- @20", "n/c 7>- @20"])
    #expect(seen[6...] == ["n/c ->7 @7", "n/a 21>- @21"])
    #expect(
      client.calls.prefix(7)
        == ["list", "list", "watch 5", "watch 7", "watch 9", "list", "watch 20"])
    #expect(informer.list().map { ObjectKey($0).name } == ["c"])
    #expect(informer.get(namespace: "n", name: "c")?.at("metadata", "managedFields") == nil)
    task.cancel()
    await task.value
  }

  @Test func indexesFollowTheObjects() {
    var store = ObjectStore()
    store.addIndex("owner", StandardIndex.ownerUID)
    func names(_ owner: String) -> [String] {
      store.find(index: "owner", value: owner).map { ObjectKey($0).name }.sorted()
    }
    _ = store.apply(WatchEvent(kind: .added, object: object("a", version: "1", owner: "x")))
    _ = store.apply(WatchEvent(kind: .added, object: object("b", version: "2", owner: "x")))
    #expect(names("x") == ["a", "b"])
    _ = store.apply(WatchEvent(kind: .modified, object: object("a", version: "3", owner: "y")))
    #expect(names("x") == ["b"])
    #expect(names("y") == ["a"])
    _ = store.apply(WatchEvent(kind: .deleted, object: object("b", version: "4", owner: "x")))
    #expect(names("x").isEmpty)
    _ = store.replace(with: [object("d", version: "5", owner: "y")], listRevision: 6)
    #expect(names("y") == ["d"])
  }

  @Test func waitingForSyncEndsWithTheTask() async {
    let informer = Informer(client: ScriptedClient([]), resource: .pods)
    let task = Task { try await informer.waitForSync() }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
