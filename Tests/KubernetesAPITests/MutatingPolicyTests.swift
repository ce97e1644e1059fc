import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct MutatingPolicyTests {
  private static let pod: JSONValue = [
    "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p", "labels": ["own": "x"]],
    "spec": [
      "containers": [["name": "main", "image": "a"]],
      "tolerations": [["key": "k", "operator": "Exists"]],
    ],
  ]

  private static func mutate(
    _ spec: String, _ object: JSONValue = pod, parameters: JSONValue? = nil,
    authorizer: (@Sendable (AccessQuestion) -> AccessAnswer)? = nil,
    complete: (JSONValue) -> Result<JSONValue, MutationProblem> = { .success($0) }
  ) throws -> MutatingPolicy.Outcome {
    let policy = MutatingPolicy(["metadata": ["name": "p"], "spec": try JSONValue(parsing: spec)])
    let attributes = AdmissionAttributes(
      operation: .create,
      resource: GroupVersionResource(group: "", version: "v1", resource: "pods"),
      kind: TypeInfo.GroupVersionKind(group: "", version: "v1", kind: "Pod"), namespace: "n",
      name: "p", user: ["username": "me"], object: object, authorizer: authorizer)
    return policy.mutate(
      attributes, parameters: parameters,
      schema: Catalogue.shared.applySchema(ofType: "io.k8s.api.core.v1.Pod"), complete: complete)
  }

  private static func apply(_ expression: String, more: String = "") -> String {
    let mutation: JSONValue = [
      "patchType": "ApplyConfiguration", "applyConfiguration": ["expression": .string(expression)],
    ]
    return #"{\#(more)"mutations":[\#(mutation.text)]}"#
  }

  private static func patch(_ expression: String) -> String {
    let mutation: JSONValue = [
      "patchType": "JSONPatch", "jsonPatch": ["expression": .string(expression)],
    ]
    return #"{"mutations":[\#(mutation.text)]}"#
  }

  /// The policy's mutation, the path that it changes, and what is there afterwards.
  static let changes: [(String, [String], String)] = [
    (
      apply("Object{metadata: Object.metadata{labels: {'added': 'yes'}}}"),
      ["metadata", "labels"], #"{"own":"x","added":"yes"}"#
    ),
    (
      apply(
        "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'main', image: 'b'},"
          + "Object.spec.containers{name: object.metadata.name + '-side', image: 'c'}]}}"),
      ["spec", "containers"],
      #"[{"name":"main","image":"b"},{"name":"p-side","image":"c"}]"#
    ),
    (
      apply(
        "Object{spec: Object.spec{?priorityClassName: optional.none(),"
          + " ?schedulerName: optional.of('s')}}"),
      ["spec", "schedulerName"], #""s""#
    ),
    (
      patch("[JSONPatch{op: 'add', path: '/spec/tolerations/0', value: {'key': 'first'}}]"),
      ["spec", "tolerations"], #"[{"key":"first"},{"key":"k","operator":"Exists"}]"#
    ),
    (
      patch(
        "[JSONPatch{op: 'test', path: '/spec/containers/0/image', value: 'a'},"
          + "JSONPatch{op: 'replace', path: '/spec/containers/0/image', value: 'b'}]"),
      ["spec", "containers"], #"[{"name":"main","image":"b"}]"#
    ),
    // A test that fails leaves everything as it is.
    (
      patch(
        "[JSONPatch{op: 'test', path: '/spec/containers/0/image', value: 'z'},"
          + "JSONPatch{op: 'replace', path: '/spec/containers/0/image', value: 'b'}]"),
      ["spec", "containers"], #"[{"name":"main","image":"a"}]"#
    ),
    (
      patch(
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'),"
          + " value: string(params.n)}]"),
      ["metadata", "labels"], #"{"own":"x","a/b":"3"}"#
    ),
    (
      patch(
        "[JSONPatch{op: 'add', path: '/spec/affinity',"
          + " value: Object.spec.affinity{nodeAffinity: Object.spec.affinity.nodeAffinity{}}}]"),
      ["spec", "affinity"], #"{"nodeAffinity":{}}"#
    ),
    (
      apply(
        "Object{metadata: Object.metadata{labels: {'n': variables.v}}}",
        more: #""variables":[{"name":"v","expression":"object.spec.containers[0].name"}],"#),
      ["metadata", "labels"], #"{"own":"x","n":"main"}"#
    ),
  ]

  @Test(arguments: changes)
  func changesTheObject(spec: String, path: [String], expected: String) throws {
    let outcome = try Self.mutate(spec, parameters: ["n": 3])
    #expect(outcome.problems == [])
    #expect(outcome.isInvoked)
    #expect(outcome.object.at(path: path) == (try JSONValue(parsing: expected)))
    #expect(outcome.object.at("metadata", "name") == "p")
  }

  static let failures: [(String, String)] = [
    (
      apply("Object{spec: Object.spec{tolerations: [Object.spec.tolerations{key: 'x'}]}}"),
      "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or "
        + "structs: .spec.tolerations"
    ),
    (
      apply("Object{spec: Object.spec{affinity: Object.spec.other{}}}"),
      "resulted in error: type mismatch: unexpected type name \"Object.spec.other\", expected "
        + "\"Object.spec.affinity\""
    ),
    (
      apply("Object{metadata: Object.metadata{labels: {'n': object.none}}}"),
      "resulted in error: no such key: none"
    ),
    (patch("[JSONPatch{op: 'remove', path: '/spec/none'}]"), "JSONPath: "),
    (
      patch("[JSONPatch{op: 'add', path: '/spec/x', value: type(1)}]"),
      "could not marshal to JSON"
    ),
  ]

  @Test(arguments: failures)
  func whatCanNotBeDoneIsSaid(spec: String, message: String) throws {
    let outcome = try Self.mutate(spec)
    #expect(outcome.problems.count == 1)
    #expect(outcome.problems.first?.contains(message) == true, "\(outcome.problems)")
    #expect(outcome.object == Self.pod)
  }

  @Test func mutationsBuildOnEachOtherAndAreCompleted() throws {
    let spec = """
      {"mutations":[
        {"patchType":"JSONPatch","jsonPatch":{"expression":
          "[JSONPatch{op: 'add', path: '/metadata/labels/a', value: '1'}]"}},
        {"patchType":"JSONPatch","jsonPatch":{"expression":
          "[JSONPatch{op: 'add', path: '/metadata/none/b', value: '1'}]"}},
        {"patchType":"ApplyConfiguration","applyConfiguration":{"expression":
          "Object{metadata: Object.metadata{labels: {'b': object.metadata.labels.a + object.spec.filled}}}"}}
      ]}
      """
    let outcome = try Self.mutate(
      spec,
      complete: { object in
        var object = object
        object.set("+", at: "spec", "filled")
        return .success(object)
      })
    #expect(outcome.problems.count == 1)
    #expect(outcome.object.at("metadata", "labels") == ["own": "x", "a": "1", "b": "1+"])
  }

  @Test func conditionsDecideWhetherItIsInvoked() throws {
    func spec(_ condition: String) -> String {
      Self.apply(
        "Object{metadata: Object.metadata{labels: {'n': 'v'}}}",
        more: #""matchConditions":[{"name":"c","expression":"\#(condition)"}],"#)
    }
    #expect(try Self.mutate(spec("object.metadata.name == 'p'")).isInvoked)
    let skipped = try Self.mutate(spec("object.metadata.name == 'q'"))
    #expect(!skipped.isInvoked && skipped.problems == [] && skipped.object == Self.pod)
    #expect(
      try Self.mutate(spec("object.none")).problems == [
        "match condition 'c' resulted in error: no such key: none"
      ])
  }

  static let questions: [(String, AccessQuestion)] = [
    (
      "authorizer.group('apps').resource('deployments').subresource('scale').namespace('n')"
        + ".name('d').check('update')",
      AccessQuestion(
        verb: "update", group: "apps", resource: "deployments", subresource: "scale",
        namespace: "n", name: "d")
    ),
    ("authorizer.path('/healthz').check('get')", AccessQuestion(verb: "get", path: "/healthz")),
    (
      "authorizer.requestResource.check('own')",
      AccessQuestion(verb: "own", resource: "pods", namespace: "n", name: "p")
    ),
    (
      "authorizer.serviceAccount('s', 'a').group('').resource('pods').check('get')",
      AccessQuestion(
        serviceAccount: .init(namespace: "s", name: "a"), verb: "get", resource: "pods")
    ),
  ]

  @Test(arguments: questions)
  func theAuthorizerIsAsked(expression: String, question: AccessQuestion) throws {
    func outcome(_ isAllowed: Bool) throws -> MutatingPolicy.Outcome {
      try Self.mutate(
        Self.apply(
          "Object{metadata: Object.metadata{labels: {'n': string(\(expression).allowed()) + "
            + "\(expression).reason()}}}"),
        authorizer: { asked in
          AccessAnswer(isAllowed: isAllowed && asked == question, reason: "why")
        })
    }
    #expect(try outcome(true).object.at("metadata", "labels", "n") == "truewhy")
    #expect(try outcome(false).object.at("metadata", "labels", "n") == "falsewhy")
  }

  /// A check is dear, so that no expression asks many.
  @Test func questionsAreBounded() throws {
    let check = "authorizer.path('/x').check('get').errored()"
    let outcome = try Self.mutate(
      Self.apply(
        "Object{metadata: Object.metadata{labels: {'n': string(\(check) || \(check) || \(check))}}}"
      ),
      authorizer: { _ in AccessAnswer(isAllowed: true, reason: "") })
    #expect(outcome.problems.first?.contains("cost limit exceeded") == true)
  }
}
