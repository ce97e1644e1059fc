import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct CELTests {
  /// Evaluates an expression over `self`, a string, and `n`, a number.
  static func value(_ source: String) throws -> String {
    let expression = try CELParser.parse(source)
    let type = try CELChecker(source: source, variables: ["self": .string, "n": .int])
      .check(expression)
    _ = type
    var evaluator = CELEvaluator(
      variables: ["self": .string("Hello"), "n": .int(7)], budget: CELEvaluator.callLimit)
    return CELEvaluator.text(try evaluator.evaluate(expression))
  }

  @Test(arguments: [
    ("1 + 2 * 3", "7"), ("(1 + 2) * 3", "9"), ("7 / 2", "3"), ("-7 % 3", "-1"), ("1.5 + 1.5", "3"),
    ("'a' + \"b\"", "ab"), ("r'\\d'", "\\d"), ("'\\u00e9'", "é"), ("0x1F", "31"), ("5u + 1u", "6"),
    ("n > 5 && n <= 7", "true"), ("n == 7 ? 'y' : 'n'", "y"), ("!(n in [1, 2])", "true"),
    ("false && 1 / 0 == 1", "false"), ("1 / 0 == 1 || true", "true"),
    ("size(self)", "5"), ("self.startsWith('He') && self.endsWith('lo')", "true"),
    ("self.contains('ell')", "true"), ("self.matches('^H.*o$')", "true"),
    ("self.lowerAscii()", "hello"), ("self.substring(1, 3)", "el"), ("self.charAt(1)", "e"),
    ("self.indexOf('l')", "2"), ("self.lastIndexOf('l')", "3"),
    ("self.replace('l', 'L', 1)", "HeLlo"),
    ("'a,b,c'.split(',').size()", "3"), ("['a', 'b'].join('-')", "a-b"), ("' x '.trim()", "x"),
    ("'%s has %d'.format([self, n])", "Hello has 7"), ("'a1b22'.findAll('[0-9]+')", "[1, 22]"),
    ("[1, 2, 3].all(x, x > 0)", "true"), ("[1, 2, 3].exists(x, x > 2)", "true"),
    ("[1, 2, 2].exists_one(x, x == 2)", "false"), ("[1, 2, 3].filter(x, x > 1)", "[2, 3]"),
    ("[1, 2].map(x, x * 2)", "[2, 4]"), ("[1, 2, 3].map(x, x > 1, x * 2)", "[4, 6]"),
    ("{'a': 1, 'b': 2}['b']", "2"), ("{'a': 1}.all(k, k == 'a')", "true"),
    ("['x', 'y'].all(i, v, i < 2 && v != 'z')", "true"), ("has({'a': 1}.a)", "true"),
    ("[3, 1, 2].min()", "1"), ("[1, 2].sum()", "3"), ("[1, 2].isSorted()", "true"),
    ("quantity('1Gi').isGreaterThan(quantity('512Mi'))", "true"), ("isQuantity('x')", "false"),
    ("ip('10.0.0.1').family()", "4"), ("cidr('10.0.0.0/8').containsIP('10.1.2.3')", "true"),
    ("cidr('10.0.0.0/8').containsCIDR('11.0.0.0/8')", "false"),
    ("url('https://x:8080/p?a=1').getPort()", "8080"), ("isURL('x y')", "false"),
    ("semver('1.2.3').isLessThan(semver('1.10.0'))", "true"), ("isSemver('1.2')", "false"),
    ("duration('90m') > duration('1h')", "true"), ("string(duration('90s'))", "90s"),
    ("timestamp('2026-01-02T03:04:05Z').getFullYear()", "2026"),
    (
      "timestamp('2026-03-01T00:00:00Z') - timestamp('2026-02-28T00:00:00Z') == duration('24h')",
      "true"
    ),
    ("format.dns1123Label().validate('Not Ok').hasValue()", "true"),
    ("optional.of(1).orValue(2)", "1"), ("optional.none().orValue(2)", "2"),
    ("{'a': 1}.?b.orValue(5)", "5"), ("optional.of(3).optMap(x, x + 1).value()", "4"),
    ("int('42') + int(1.9)", "43"), ("double(1) / 4.0", "0.25"), ("type(1) == int", "true"),
    ("dyn(1) == dyn('a')", "false"), ("bytes('ab').size()", "2"),
    ("sets.contains([1, 2], [1])", "true"),
  ])
  func expressionsHaveTheValues(_ source: String, _ expected: String) throws {
    #expect(try Self.value(source) == expected)
  }

  @Test(arguments: [
    "self >", "self + 1", "nope", "self.nope()", "n == 'x'", "[1].all(x, x)", "has(n)", "1 +",
    "'a' in 'abc'", "n.size()", "for", "'unclosed", "a.b.c(", "self ? 1 : 2",
  ])
  func whatMakesNoSenseDoesNotCompile(_ source: String) {
    #expect(throws: CELProblem.self) { try Self.value(source) }
  }

  @Test(arguments: ["1 / 0", "[1][3]", "{'a': 1}['b']", "int('x')", "9223372036854775807 + 1"])
  func whatFailsSaysSo(_ source: String) {
    #expect(throws: CELError.self) { try Self.value(source) }
  }

  @Test func nothingMayRunForEver() throws {
    let list = "[" + Array(repeating: "1", count: 60).joined(separator: ",") + "]"
    let source = "\(list).all(a, \(list).all(b, \(list).all(c, \(list).all(d, a == b && c == d))))"
    let expression = try CELParser.parse(source)
    var evaluator = CELEvaluator(variables: [:], budget: 10_000)
    #expect(throws: CELError.self) { try evaluator.evaluate(expression) }
    #expect(throws: CELProblem.self) {
      try CELParser.parse(String(repeating: "(", count: 5000))
    }
  }

  // MARK: Rules of schemas

  static func rules(_ schema: String, _ object: String, old: String? = nil) throws
    -> RuleValidator.Result
  {
    let schema = StructuralSchema(
      try JSONValue(parsing: #"{"type":"object","properties":{"spec":\#(schema)}}"#))
    let validator = try #require(RuleValidator(schema))
    return validator.check(
      ["spec": try JSONValue(parsing: object)],
      old: try old.map { ["spec": try JSONValue(parsing: $0)] })
  }

  @Test func rulesSayWhatIsWrongAndWhere() throws {
    let schema = """
      {"type":"object","properties":{
        "a":{"type":"string","x-kubernetes-validations":[{"rule":"self != 'no'","reason":"FieldValueForbidden"}]},
        "m":{"type":"object","additionalProperties":{"type":"integer","x-kubernetes-validations":[{"rule":"self < 5"}]}},
        "l":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"}},
          "x-kubernetes-validations":[{"rule":"self.n != 3","fieldPath":".n","messageExpression":"'not ' + string(self.n)"}]}}}}
      """
    let result = try Self.rules(schema, #"{"a":"no","m":{"k":9,"j":1},"l":[{"n":1},{"n":3}]}"#)
    #expect(
      StructuralSchemaTests.causes(result.errors)
        == "Forbidden spec.a, Invalid spec.m[k], Invalid spec.l[1].n")
    #expect(result.errors.last?.detail == "not 3")
  }

  @Test func transitionsAreSeenAndOldFaultsAreForgiven() throws {
    let schema = """
      {"type":"object","properties":{"a":{"type":"string","x-kubernetes-validations":[{"rule":"self == oldSelf"}]},
        "b":{"type":"string","x-kubernetes-validations":[{"rule":"self != 'bad'"}]}}}
      """
    #expect(try Self.rules(schema, #"{"a":"x"}"#).errors.isEmpty)
    #expect(try Self.rules(schema, #"{"a":"y"}"#, old: #"{"a":"x"}"#).errors.count == 1)
    let forgiven = try Self.rules(
      schema, #"{"a":"x","b":"bad"}"#, old: #"{"a":"x","b":"bad"}"#)
    #expect(forgiven.errors.isEmpty)
    #expect(forgiven.warnings.count == 1)
  }
}
