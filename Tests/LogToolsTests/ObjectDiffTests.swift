import JSONDocument
import Testing

@testable import LogTools

struct ObjectDiffTests {
  @Test func namesMembersElementsAndRemovals() throws {
    let old = try JSONValue(
      parsing: #"{"spec":{"replicas":3,"containers":[{"name":"web","image":"a:1"}],"paused":true}}"#
    )
    let new = try JSONValue(
      parsing: #"{"spec":{"replicas":6,"containers":[{"name":"web","image":"a:2"},{"name":"b"}]}}"#)
    #expect(
      ObjectDiff.changes(from: old, to: new) == [
        ObjectChange(path: "spec.replicas", old: 3, new: 6),
        ObjectChange(path: "spec.containers[web].image", old: "a:1", new: "a:2"),
        ObjectChange(path: "spec.containers[b]", old: nil, new: ["name": "b"]),
        ObjectChange(path: "spec.paused", old: true, new: nil),
      ])
  }

  @Test func bracketsKeysWithDots() {
    let changes = ObjectDiff.changes(
      from: ["metadata": ["labels": [:]]], to: ["metadata": ["labels": ["app.k8s.io/name": "x"]]])
    #expect(changes.map(\.path) == ["metadata.labels[app.k8s.io/name]"])
  }

  @Test(arguments: [
    (#"{"spec":{"replicas":3}}"#, #"{"spec":{"replicas":6}}"#, "spec.replicas 3→6"),
    (
      #"{"metadata":{"resourceVersion":"1"},"status":{"phase":"Pending"}}"#,
      #"{"metadata":{"resourceVersion":"2"},"status":{"phase":"Running","podIP":"10.0.0.1"}}"#,
      "status.phase Pending→Running, status.podIP=10.0.0.1"
    ),
    (
      #"{"metadata":{"resourceVersion":"1"},"status":{"lastHeartbeatTime":"a"}}"#,
      #"{"metadata":{"resourceVersion":"2"},"status":{"lastHeartbeatTime":"b"}}"#, "touched"
    ),
    (
      #"{"data":{}}"#, #"{"data":{"a":"1","b":"2","c":"3","d":"4"}}"#,
      "data.a=1, data.b=2, data.c=3, +1 more"
    ),
  ])
  func summarizes(_ old: String, _ new: String, _ expected: String) throws {
    let text = ChangeSummary.text(
      from: try JSONValue(parsing: old), to: try JSONValue(parsing: new))
    #expect(text == expected)
  }

  @Test func summarizesCreationAndRemoval() {
    #expect(ChangeSummary.text(from: nil, to: ["spec": ["replicas": 3]]) == "created, 3 replicas")
    #expect(ChangeSummary.text(from: ["a": 1], to: nil) == "removed")
  }
}
