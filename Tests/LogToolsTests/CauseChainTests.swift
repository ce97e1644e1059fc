import Keyspace
import Testing

@testable import LogTools

struct CauseChainTests {
  func event(_ revision: Revision, cause: Revision) -> LoggedEvent {
    LoggedEvent(
      revision: revision, kind: .put, key: Key("pods/default/a"), value: [], previousRevision: 0,
      provenance: Provenance(user: "u", verb: "create", cause: cause), timeMilliseconds: 0)
  }

  @Test func followsCausesToTheBeginning() {
    let events = [5: event(5, cause: 3), 3: event(3, cause: 1), 1: event(1, cause: 0)]
    let chain = CauseChain(of: event(9, cause: 5)) { events[Int($0)] }
    #expect(chain.links.map(\.revision) == [9, 5, 3, 1])
    #expect(chain.lostCause == nil)
  }

  @Test func saysWhereHistoryEnds() {
    let chain = CauseChain(of: event(9, cause: 5)) { _ in nil }
    #expect(chain.links.map(\.revision) == [9])
    #expect(chain.lostCause == 5)
  }

  @Test func neverLoops() {
    let chain = CauseChain(of: event(5, cause: 9)) { _ in event(9, cause: 5) }
    #expect(chain.links.map(\.revision) == [5])
  }

  @Test(arguments: [
    ("deployments.apps/default/web", "deployments/default/web"),
    ("nodes//worker-1", "nodes/worker-1"),
  ])
  func namesObjectsByKey(_ key: String, _ expected: String) {
    #expect(ObjectReference(key: Key(key))?.description == expected)
    #expect(ObjectReference(key: Key(key))?.prefix == Key(key))
  }

  @Test func prefixesCoverNamespacesAndResources() {
    let pods = ObjectReference(resource: "pods", namespace: nil, name: nil)
    let inDefault = ObjectReference(resource: "pods", namespace: "default", name: nil)
    let web = ObjectReference(resource: "pods", namespace: "default", name: "web")
    #expect(pods.matches(Key("pods/kube-system/a")))
    #expect(!pods.matches(Key("podtemplates/kube-system/a")))
    #expect(inDefault.matches(Key("pods/default/a")))
    #expect(!inDefault.matches(Key("pods/default2/a")))
    #expect(web.matches(Key("pods/default/web")))
    #expect(!web.matches(Key("pods/default/web2")))
  }
}
