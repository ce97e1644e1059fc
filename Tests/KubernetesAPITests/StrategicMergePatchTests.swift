import JSONDocument
import KubernetesAPI
import Testing

@Suite struct StrategicMergePatchTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var name: String
    var document: String
    var patch: String
    var result: String
    var testDescription: String { name }
  }

  static let podSpecs = [
    Example(
      name: "containers merge by name, new ones go first",
      document: #"{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}"#,
      patch: #"{"containers":[{"name":"c","image":"3"},{"name":"b","image":"9"}]}"#,
      result: #"""
        {"containers":[{"name":"c","image":"3"},{"name":"a","image":"1"},{"name":"b","image":"9"}]}
        """#),
    Example(
      name: "delete an element",
      document: #"{"containers":[{"name":"a"},{"name":"b"}]}"#,
      patch: #"{"containers":[{"name":"a","$patch":"delete"}]}"#,
      result: #"{"containers":[{"name":"b"}]}"#),
    Example(
      name: "replace a list",
      document: #"{"containers":[{"name":"a"},{"name":"b"}]}"#,
      patch: #"{"containers":[{"$patch":"replace"},{"name":"z"}]}"#,
      result: #"{"containers":[{"name":"z"}]}"#),
    Example(
      name: "replace an object",
      document: #"{"nodeSelector":{"a":"b"}}"#,
      patch: #"{"nodeSelector":{"$patch":"replace","c":"d"}}"#,
      result: #"{"nodeSelector":{"c":"d"}}"#),
    Example(
      name: "retain keys of a volume",
      document: #"{"volumes":[{"name":"v","emptyDir":{}}]}"#,
      patch: #"""
        {"volumes":[{"name":"v","$retainKeys":["name","hostPath"],"hostPath":{"path":"/x"}}]}
        """#,
      result: #"{"volumes":[{"name":"v","hostPath":{"path":"/x"}}]}"#),
    Example(
      name: "set the order",
      document: #"{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}"#,
      patch: #"{"$setElementOrder/containers":[{"name":"c"},{"name":"a"}]}"#,
      result: #"{"containers":[{"name":"b"},{"name":"c"},{"name":"a"}]}"#),
    Example(
      name: "atomic lists are replaced",
      document: #"{"tolerations":[{"key":"a"}]}"#, patch: #"{"tolerations":[{"key":"b"}]}"#,
      result: #"{"tolerations":[{"key":"b"}]}"#),
    Example(
      name: "null removes, also where nothing is",
      document: #"{"nodeName":"n","hostname":"h"}"#,
      patch: #"{"nodeName":null,"subdomain":null}"#, result: #"{"hostname":"h"}"#),
    Example(
      name: "nulls of new objects are dropped", document: "{}",
      patch: #"{"securityContext":{"runAsUser":1,"runAsGroup":null}}"#,
      result: #"{"securityContext":{"runAsUser":1}}"#),
  ]

  @Test(arguments: podSpecs) func podSpec(_ example: Example) throws {
    let result = try StrategicMergePatch.apply(
      JSONValue(parsing: example.patch), to: JSONValue(parsing: example.document),
      typeName: "io.k8s.api.core.v1.PodSpec")
    #expect(try result == JSONValue(parsing: example.result))
  }

  @Test func primitiveLists() throws {
    let document = try JSONValue(parsing: #"{"metadata":{"finalizers":["a","b"]}}"#)
    let added = try StrategicMergePatch.apply(
      ["metadata": ["finalizers": ["c", "a"]]], to: document,
      typeName: "io.k8s.api.core.v1.Pod")
    #expect(Set(added.at("metadata", "finalizers")?.arrayValue ?? []) == ["a", "b", "c"])
    let removed = try StrategicMergePatch.apply(
      JSONValue(
        parsing: #"""
          {"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"$setElementOrder/finalizers":["b"]}}
          """#), to: document, typeName: "io.k8s.api.core.v1.Pod")
    #expect(removed.at("metadata", "finalizers") == ["b"])
  }

  @Test(arguments: [
    (
      #"{"containers":[{"name":"a","$patch":"bogus"}]}"#,
      "unknown patch type: bogus in map: map[$patch:bogus name:a]"
    ),
    (
      #"{"containers":[{"image":"x"}]}"#,
      "map: map[image:x] does not contain declared merge key: name"
    ),
    (
      #"{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"b","image":"z"}]}"#,
      "The order in patch list:\n[map[image:z name:b]]\n doesn't match $setElementOrder list:\n"
        + "[map[name:a]]\n"
    ),
    (
      #"{"volumes":[{"name":"v","$retainKeys":["name"],"emptyDir":{}}]}"#,
      "invalid patch format of retainKeys"
    ),
  ])
  func badDirectives(patch: String, message: String) throws {
    let document = try JSONValue(
      parsing: #"{"containers":[{"name":"a"}],"volumes":[{"name":"v"}]}"#)
    #expect {
      try StrategicMergePatch.apply(
        JSONValue(parsing: patch), to: document, typeName: "io.k8s.api.core.v1.PodSpec")
    } throws: { "\($0)" == message }
  }
}
