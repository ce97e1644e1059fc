import JSONDocument
import KubernetesAPI
import Testing

@Suite struct SelectorTests {
  static let labels: JSONObject = ["app": "web", "tier": "1", "empty": ""]

  @Test(arguments: [
    ("", true), ("app=web", true), ("app==web", true), ("app=x", false), ("app!=x", true),
    ("none!=x", true), ("app", true), ("!app", false), ("!none", true), ("app in (web,x)", true),
    ("app notin (web)", false), ("none notin (a)", true), ("tier>0", true), ("tier<1", false),
    ("tier>x", false), ("empty=", true), ("empty", true), ("app=web,tier=2", false),
    (" app = web , tier in ( 1 ) ", true), ("none in (a,)", false), ("empty in (,a)", true),
  ])
  func labelSelectors(text: String, matches: Bool) throws {
    if text == "tier>x" {
      #expect(throws: APIStatus.self) { try LabelSelector(parsing: text) }
      return
    }
    let selector = try LabelSelector(parsing: text)
    #expect(selector.matches(Self.labels) == matches)
    #expect(try LabelSelector(parsing: selector.description).matches(Self.labels) == matches)
  }

  @Test(arguments: [
    ("=1", "found '=', expected: !, identifier, or 'end of string'"),
    ("x in", "unable to parse requirement: found '' expected: '('"),
    ("x in 1", "unable to parse requirement: found '1' expected: '('"),
    ("x=1=2", "found '=', expected: ',' or 'end of string'"),
    ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    ("x in (1", "unable to parse requirement: found '', expected: ',' or ')'"),
    ("x!", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"),
    (",,", "found ',', expected: !, identifier, or 'end of string'"),
    ("x,", "found '', expected: identifier after ','"),
    (
      "/x",
      "unable to parse requirement: <nil>: Invalid value: \"/x\": prefix part must be non-empty"
    ),
  ])
  func badLabelSelectors(text: String, message: String) {
    #expect {
      try LabelSelector(parsing: text)
    } throws: { ($0 as? APIStatus)?.message == message && ($0 as? APIStatus)?.code == 400 }
  }

  @Test func selectorObjects() {
    #expect(LabelSelector(object: [:]).matches(nil))
    #expect(!LabelSelector(object: nil).matches(Self.labels))
    let selector = LabelSelector(object: [
      "matchLabels": ["app": "web"],
      "matchExpressions": [
        ["key": "tier", "operator": "In", "values": ["1", "2"]],
        ["key": "gone", "operator": "DoesNotExist"],
      ],
    ])
    #expect(selector.matches(Self.labels))
    #expect(!selector.matches(["app": "web"]))
    #expect(selector.description == "app=web,!gone,tier in (1,2)")
    #expect(!LabelSelector(object: ["matchExpressions": [["key": "a"]]]).matches(Self.labels))
    #expect(!LabelSelector(labels: [:]).matches(Self.labels))
    #expect(LabelSelector(labels: ["app": "web"]).matches(Self.labels))
  }

  static let pod: JSONValue = [
    "metadata": ["name": "a", "namespace": "n"],
    "spec": ["nodeName": "n1", "restartPolicy": "Always"], "status": ["phase": "Running"],
  ]

  @Test(arguments: [
    ("", true), ("metadata.name=a", true), ("metadata.name!=a", false), ("spec.nodeName=n1", true),
    ("spec.host==n1", true), ("status.phase!=Running", false), ("spec.hostNetwork=false", true),
    ("status.podIP=", true), ("metadata.name=a,status.phase=Pending", false),
  ])
  func fieldSelectors(text: String, matches: Bool) throws {
    let pods = try #require(Catalogue.shared.resource(.pods))
    let selector = try FieldSelector(parsing: text, resource: pods)
    #expect(selector.matches(Self.pod, resource: pods) == matches)
  }

  @Test(arguments: [
    ("pods", "spec.hostname=a", "field label not supported: spec.hostname"),
    (
      "configmaps", "data.k=v",
      "\"data.k\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    ),
    (
      "configmaps", "metadata.name",
      "invalid selector: 'metadata.name'; can't understand 'metadata.name'"
    ),
    (
      "configmaps", "metadata.name=a\\x",
      "invalid field selector: invalid escape sequence: \\x"
    ),
    ("namespaces", "metadata.namespace=x", "field label not supported: metadata.namespace"),
  ])
  func badFieldSelectors(resource: String, text: String, message: String) throws {
    let info = try #require(
      Catalogue.shared.resource(group: "", version: "v1", resource: resource))
    #expect {
      try FieldSelector(parsing: text, resource: info)
    } throws: { ($0 as? APIStatus)?.message == message }
  }

  @Test func eventsAreSelectedInBothForms() throws {
    let core = try #require(Catalogue.shared.resource(.events))
    let selector = try FieldSelector(parsing: "involvedObject.name=p", resource: core)
    #expect(selector.matches(["involvedObject": ["name": "p"]], resource: core))
    #expect(selector.matches(["regarding": ["name": "p"]], resource: core))
    #expect(!selector.matches(["regarding": ["name": "q"]], resource: core))
  }
}
