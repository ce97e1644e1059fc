import JSONDocument
import Testing

@testable import KubernetesAPI

/// Expressions outside of custom resources: what they may use, and what they must come to.
struct ExpressionValidationTests {
  private static let plain = CELEnvironment.admission(hasParameters: false)
  private static let parametrized = CELEnvironment.admission(hasParameters: true)
  private static let patches: CELEnvironment = {
    var environment = plain
    environment.hasPatchTypes = true
    return environment
  }()

  private static func type(_ source: String, _ environment: CELEnvironment) -> String {
    switch environment.compile(source) {
    case .type(let type, _): type.description
    case .problem(let problem): String(problem.split(separator: "\n")[0])
    }
  }

  @Test(arguments: [
    ("object.spec.replicas > 3", "bool"), ("object.spec.replicas", "dyn"),
    ("request.userInfo.groups.exists(g, g == 'x')", "bool"),
    ("request.namespace", "string"), ("namespaceObject.metadata.labels['a']", "string"),
    ("authorizer.group('').resource('pods').namespace('n').check('get').allowed()", "bool"),
    ("authorizer.requestResource.check('get').reason()", "string"),
    ("true ? object.x : true", "dyn"), ("true ? true : object.x", "dyn"),
    (
      "params.x == 1",
      "compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')"
    ),
    ("request.nope", "compilation failed: ERROR: <input>:1:8: undefined field 'nope'"),
    (
      "Object{}",
      "compilation failed: ERROR: <input>:1:7: undeclared reference to 'Object' (in container '')"
    ),
    (
      "x y",
      "compilation failed: ERROR: <input>:1:3: Syntax error: extraneous input 'y' expecting <EOF>"
    ),
  ])
  func admissionExpressionsHaveTypes(source: String, type: String) {
    #expect(Self.type(source, Self.plain) == type)
  }

  @Test func parametersAreThereWhereThePolicyHasThem() {
    #expect(Self.type("params.x == 1", Self.parametrized) == "bool")
  }

  @Test(arguments: [
    ("Object{spec: Object.spec{replicas: 1}}", "Object"),
    ("[JSONPatch{op: 'add', path: '/' + jsonpatch.escapeKey('a/b'), value: 1}]", "list(JSONPatch)"),
    (
      "JSONPatch{op: 1}",
      "compilation failed: ERROR: <input>:1:10: expected type of field 'op' is 'string' but provided "
        + "type is 'int'"
    ),
    ("JSONPatch{nope: 1}", "compilation failed: ERROR: <input>:1:10: undefined field 'nope'"),
  ])
  func changesHaveTypes(source: String, type: String) {
    #expect(Self.type(source, Self.patches) == type)
  }

  @Test(arguments: [
    ("device.driver == 'd'", "bool"), ("device.attributes['d.example.com'].model == 'x'", "bool"),
    ("device.capacity['d'].memory.isGreaterThan(quantity('1Gi'))", "bool"),
    ("cel.bind(a, device.attributes['d'], a.x == 1 && a.y == 2)", "bool"),
    ("device.nope", "compilation failed: ERROR: <input>:1:7: undefined field 'nope'"),
    ("device.attributes['d'].x", "dyn"),
  ])
  func selectorsSeeDevices(source: String, type: String) {
    #expect(Self.type(source, .deviceSelector) == type)
  }

  @Test func bindingsAreForSelectorsOnly() {
    #expect(Self.type("cel.bind(a, 1, a)", Self.plain).contains("undeclared reference to 'cel'"))
  }

  @Test func structuresAndBindingsHaveValues() throws {
    let expression = try CELParser.parse(
      "cel.bind(a, 'x/~y', JSONPatch{op: 'add', path: jsonpatch.escapeKey(a), ?value: optional.none()})"
    )
    var evaluator = CELEvaluator(variables: [:], budget: 1000)
    let value = try evaluator.evaluate(expression)
    guard case .map(let members) = value else {
      Issue.record("\(value) is no map")
      return
    }
    #expect(Set(members.keys) == [.string("op"), .string("path")])
    guard case .string(let path)? = members[.string("path")] else {
      Issue.record("no path")
      return
    }
    #expect(path == "x~1~0y")
  }

  private static let match: JSONValue = [
    "resourceRules": [
      ["apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]]
    ]
  ]

  /// Of a policy, without what it matches: the fields at fault.
  @Test(
    arguments: [
      (["validations": [["expression": "object.x == 1", "messageExpression": "'a'"]]], []),
      (
        ["validations": [["expression": "1"]]], ["spec.validations[0].expression"]
      ),
      (
        [
          "validations": [
            [
              "expression": "true",
              "messageExpression": "authorizer.path('/').check('get').reason()",
            ]
          ]
        ],
        ["spec.validations[0].messageExpression"]
      ),
      (
        [
          "validations": [["expression": "variables.a == 1"]],
          "variables": [["name": "a", "expression": "1"]],
        ], []
      ),
      (
        [
          "validations": [["expression": "true"]],
          "variables": [
            ["name": "a", "expression": "variables.b"], ["name": "b", "expression": "1"],
          ],
        ], ["spec.variables[0].expression"]
      ),
      (
        [
          "validations": [["expression": "true"]],
          "matchConditions": [["name": "m", "expression": "object.flag"]],
        ], ["spec.matchConditions[0].expression"]
      ),
      (
        ["auditAnnotations": [["key": "k", "valueExpression": "object.a == 1 ? 'x' : 'y'"]]], []
      ),
    ] as [(JSONValue, [String])])
  func policiesAreCompiled(spec: JSONValue, faults: [String]) throws {
    var spec = spec
    spec["matchConstraints"] = Self.match
    let resource = try #require(
      Catalogue.shared.resources.first {
        $0.kind == "ValidatingAdmissionPolicy" && $0.version == "v1"
      })
    let errors = Validation.create(
      ["metadata": ["name": "p"], "spec": spec], resource: resource)
    #expect(errors.map(\.field) == faults)
  }

  @Test func aSelectorMayNotCostTooMuch() throws {
    let resource = try #require(Catalogue.shared.resources.first { $0.kind == "DeviceClass" })
    let inner =
      "device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, "
      + "device.attributes.all(d, device.attributes.all(e, a != b || c != d || d != e)))))"
    for (source, isFine) in [("device.driver == 'd'", true), (inner, false)] {
      let errors = Validation.create(
        [
          "metadata": ["name": "c"],
          "spec": ["selectors": [["cel": ["expression": .string(source)]]]],
        ], resource: resource)
      #expect(errors.isEmpty == isFine, "\(source): \(errors)")
    }
  }
}
