import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct StructuralSchemaTests {
  static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

  static func schema(_ spec: String) throws -> StructuralSchema {
    StructuralSchema(try json(#"{"type":"object","properties":{"spec":\#(spec)}}"#))
  }

  @Test func whatTheSchemaDoesNotKnowIsPruned() throws {
    let schema = try Self.schema(
      """
      {"type":"object","properties":{"a":{"type":"string"},
       "l":{"type":"array","items":{"type":"object","properties":{"c":{"type":"string"}}}},
       "m":{"type":"object","additionalProperties":{"type":"object","properties":{"d":{}}}},
       "any":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
       "part":{"type":"object","x-kubernetes-preserve-unknown-fields":true,
         "properties":{"k":{"type":"object","properties":{"z":{"type":"string"}}}}}}}
      """)
    var object = try Self.json(
      """
      {"kind":"W","metadata":{"name":"a"},"top":1,"spec":{"a":"1","x":1,"l":[{"c":"1","x":1}],
       "m":{"k":{"d":"1","x":1}},"any":{"x":{"y":1}},"part":{"x":1,"k":{"z":"1","x":1}}}}
      """)
    let unknown = schema.prune(&object, isRoot: true)
    #expect(unknown == ["spec.l[0].x", "spec.m.k.x", "spec.part.k.x", "spec.x", "top"])
    #expect(
      object
        == (try Self.json(
          """
          {"kind":"W","metadata":{"name":"a"},"spec":{"a":"1","l":[{"c":"1"}],"m":{"k":{"d":"1"}},
           "any":{"x":{"y":1}},"part":{"x":1,"k":{"z":"1"}}}}
          """)))
  }

  @Test(arguments: [
    (#"{}"#, #"{"a":"x","n":"nn","o":{"b":5}}"#),
    (#"{"a":null,"o":null,"n":null,"c":null}"#, #"{"a":"x","n":null,"o":{"b":5}}"#),
    (
      #"{"a":"y","l":[{},{"n":false}],"m":{"k":{}}}"#,
      #"{"a":"y","n":"nn","o":{"b":5},"l":[{"n":true},{"n":false}],"m":{"k":{"v":1.5}}}"#
    ),
  ])
  func defaultsAreFilledIn(_ given: String, _ expected: String) throws {
    let schema = try Self.schema(
      """
      {"type":"object","properties":{"a":{"type":"string","default":"x"},"c":{"type":"string"},
       "o":{"type":"object","default":{},"properties":{"b":{"type":"integer","default":5}}},
       "l":{"type":"array","items":{"type":"object","properties":{"n":{"type":"boolean","default":true}}}},
       "m":{"type":"object","additionalProperties":{"type":"object","properties":{"v":{"type":"number","default":1.5}}}},
       "n":{"type":"string","nullable":true,"default":"nn"}}}
      """)
    var object: JSONValue = ["spec": try Self.json(given)]
    schema.applyDefaults(to: &object)
    #expect(object["spec"] == (try Self.json(expected)))
  }

  /// Schema of a member, its value, and what is wrong: reason and field of each cause.
  @Test(arguments: [
    (#"{"type":"string"}"#, "1", "TypeInvalid spec.x"),
    (#"{"type":"integer"}"#, "1.5", "TypeInvalid spec.x, Invalid <nil>"),
    (#"{"type":"integer"}"#, "1.0", ""), (#"{"type":"number"}"#, "1", ""),
    (#"{"type":"integer","format":"int32"}"#, "2147483648", "Invalid <nil>"),
    (#"{"type":"object"}"#, "[]", "TypeInvalid spec.x"),
    (#"{"x-kubernetes-int-or-string":true}"#, #""5""#, ""),
    (#"{"x-kubernetes-int-or-string":true}"#, "true", "TypeInvalid spec.x"),
    (#"{"type":"string","minLength":2}"#, #""é""#, "Invalid spec.x"),
    (#"{"type":"string","maxLength":1}"#, #""éé""#, "TooLong spec.x"),
    (#"{"type":"string","enum":["a"]}"#, #""b""#, "NotSupported spec.x"),
    (#"{"type":"string","pattern":"^a$"}"#, #""b""#, "Invalid spec.x"),
    (#"{"type":"integer","minimum":3,"exclusiveMinimum":true}"#, "3", "Invalid spec.x"),
    (#"{"type":"integer","multipleOf":3}"#, "7", "Invalid spec.x"),
    (#"{"type":"array","items":{"type":"integer"},"maxItems":1}"#, "[1,2]", "TooMany spec.x"),
    (#"{"type":"array","items":{"type":"integer"}}"#, #"[1,"a"]"#, "TypeInvalid spec.x[1]"),
    (#"{"type":"object","required":["a","b"]}"#, #"{"b":1}"#, "Required spec.x.a"),
    (#"{"type":"string","format":"ipv4"}"#, #""::1""#, "TypeInvalid spec.x"),
    (#"{"type":"string","format":"date-time"}"#, #""2026-01-02T03:04:05Z""#, ""),
    (#"{"type":"string","format":"uri"}"#, #""%zz""#, "TypeInvalid spec.x"),
    (#"{"type":"string","format":"unheard-of"}"#, #""x""#, ""),
    (
      #"{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}"#, "{}",
      "Invalid <nil>, Required spec.x.a"
    ),
    (
      #"{"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]}"#, #"{"a":1,"b":2}"#,
      "Invalid <nil>"
    ),
    (
      #"{"type":"integer","allOf":[{"minimum":2},{"maximum":5}]}"#, "1",
      "Invalid spec.x, Invalid <nil>"
    ),
    (#"{"type":"string","not":{"enum":["a"]}}"#, #""a""#, "Invalid <nil>"),
  ])
  func valuesAreChecked(_ schema: String, _ value: String, _ expected: String) throws {
    let schema = try Self.schema(#"{"type":"object","properties":{"x":\#(schema)}}"#)
    let errors = schema.validate(["spec": ["x": try Self.json(value)]])
    #expect(Self.causes(errors) == expected)
  }

  static func causes(_ errors: [FieldError]) -> String {
    errors.map { "\($0.type.rawValue.replacingPrefix("FieldValue")) \($0.field)" }
      .joined(separator: ", ")
  }

  @Test func anUpdateAnswersForWhatItChanges() throws {
    let schema = try Self.schema(
      #"{"type":"object","properties":{"a":{"type":"string","maxLength":3},"b":{"type":"string"}}}"#
    )
    let old: JSONValue = ["spec": ["a": "toolong", "b": "1"]]
    #expect(schema.validate(["spec": ["a": "toolong", "b": "2"]], old: old).isEmpty)
    #expect(!schema.validate(["spec": ["a": "stilllong", "b": "1"]], old: old).isEmpty)
    #expect(!schema.validate(["spec": ["a": "toolong"]]).isEmpty)
  }

  @Test func setsAndKeysHoldNothingTwice() throws {
    let schema = try Self.schema(
      """
      {"type":"object","properties":{"set":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"set"},
       "map":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
         "items":{"type":"object","properties":{"k":{"type":"string"}}}}}}
      """)
    let object: JSONValue = [
      "spec": ["set": ["a", "b", "a"], "map": [["k": "x"], ["k": "x", "v": 1], ["k": "y"]]]
    ]
    #expect(
      Self.causes(schema.duplicates(in: object)).split(separator: ", ").sorted()
        == ["Duplicate spec.map[1]", "Duplicate spec.set[2]"])
  }
}

extension String {
  func replacingPrefix(_ prefix: String) -> String {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
  }
}
