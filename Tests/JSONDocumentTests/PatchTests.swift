import JSONDocument
import Testing

@Suite struct PatchTests {
  struct Example: Sendable, CustomTestStringConvertible {
    var name: String
    var document: String
    var patch: String
    /// Nil where the patch must be refused.
    var result: String?
    var testDescription: String { name }
  }

  static let jsonPatches = [
    Example(
      name: "add a member", document: #"{"a":1}"#,
      patch: #"[{"op":"add","path":"/b","value":2}]"#, result: #"{"a":1,"b":2}"#),
    Example(
      name: "append to and insert into an array", document: #"{"a":[1,3]}"#,
      patch: #"""
        [{"op":"add","path":"/a/-","value":4},{"op":"add","path":"/a/1","value":2}]
        """#, result: #"{"a":[1,2,3,4]}"#),
    Example(
      name: "position past the end", document: #"{"a":[1]}"#,
      patch: #"[{"op":"add","path":"/a/2","value":4}]"#, result: nil),
    Example(
      name: "huge and odd positions", document: #"{"a":[1]}"#,
      patch: #"[{"op":"remove","path":"/a/99999999999999999999"}]"#, result: nil),
    Example(
      name: "negative position counts from the end", document: #"{"a":[1,2]}"#,
      patch: #"[{"op":"replace","path":"/a/-1","value":9}]"#, result: #"{"a":[1,9]}"#),
    Example(
      name: "remove a missing member", document: #"{"a":1}"#,
      patch: #"[{"op":"remove","path":"/b"}]"#, result: nil),
    Example(
      name: "replace a missing member", document: #"{"a":1}"#,
      patch: #"[{"op":"replace","path":"/b","value":1}]"#, result: #"{"a":1,"b":1}"#),
    Example(
      name: "parents must exist", document: #"{"a":1}"#,
      patch: #"[{"op":"add","path":"/b/c","value":1}]"#, result: nil),
    Example(
      name: "move", document: #"{"a":{"x":1},"b":{}}"#,
      patch: #"[{"op":"move","from":"/a/x","path":"/b/y"}]"#, result: #"{"a":{},"b":{"y":1}}"#),
    Example(
      name: "copy", document: #"{"a":{"x":1}}"#,
      patch: #"[{"op":"copy","from":"/a","path":"/b"}]"#, result: #"{"a":{"x":1},"b":{"x":1}}"#),
    Example(
      name: "escaped tokens", document: #"{"a/b":1,"m~n":2}"#,
      patch: #"""
        [{"op":"replace","path":"/a~1b","value":3},{"op":"replace","path":"/m~0n","value":4}]
        """#, result: #"{"a/b":3,"m~n":4}"#),
    Example(
      name: "a passing test", document: #"{"a":1}"#,
      patch: #"[{"op":"test","path":"/a","value":1.0}]"#, result: #"{"a":1}"#),
    Example(
      name: "a failing test", document: #"{"a":1}"#,
      patch: #"[{"op":"add","path":"/b","value":1},{"op":"test","path":"/a","value":2}]"#,
      result: nil),
    Example(
      name: "a missing member tests as null", document: "{}",
      patch: #"[{"op":"test","path":"/a","value":null}]"#, result: "{}"),
    Example(
      name: "the whole document", document: #"{"a":1}"#,
      patch: #"[{"op":"replace","path":"","value":[1]}]"#, result: "[1]"),
    Example(
      name: "unknown operation", document: "{}",
      patch: #"[{"op":"frob","path":"/a"}]"#, result: nil),
    Example(name: "no list", document: "{}", patch: #"{"op":"add"}"#, result: nil),
    Example(name: "no operation", document: "{}", patch: "[1]", result: nil),
    Example(name: "no path", document: "{}", patch: #"[{"op":"add"}]"#, result: nil),
  ]

  @Test(arguments: jsonPatches) func jsonPatch(_ example: Example) throws {
    let document = try JSONValue(parsing: example.document)
    let patch = try JSONValue(parsing: example.patch)
    guard let expected = example.result else {
      #expect(throws: PatchError.self) { try JSONPatch.apply(patch, to: document) }
      return
    }
    #expect(try JSONPatch.apply(patch, to: document) == JSONValue(parsing: expected))
  }

  @Test func tooManyOperations() throws {
    let operation: JSONValue = ["op": "add", "path": "/a", "value": 1]
    let patch = JSONValue.array(Array(repeating: operation, count: 10_001))
    #expect {
      try JSONPatch.apply(patch, to: [:])
    } throws: { error in
      if case PatchError.tooLarge = error { true } else { false }
    }
  }

  /// The examples of RFC 7386's appendix.
  @Test(arguments: [
    (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
    (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
    (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
    (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
    (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
    (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
    (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
    (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
    (#"{"a":"foo"}"#, "null", "null"),
    (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
    ("[1,2]", #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
    ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
  ])
  func mergePatch(document: String, patch: String, result: String) throws {
    let merged = MergePatch.apply(
      try JSONValue(parsing: patch), to: try JSONValue(parsing: document))
    #expect(try merged == JSONValue(parsing: result))
  }

  @Test func mergePatchDifferenceRebuildsTheNewDocument() throws {
    let old = try JSONValue(parsing: #"{"a":{"b":1,"c":2},"d":[1],"e":"x"}"#)
    let new = try JSONValue(parsing: #"{"a":{"b":1,"f":{"g":3}},"d":[2],"e":"x"}"#)
    let patch = MergePatch.difference(from: old, to: new)
    #expect(try patch == JSONValue(parsing: #"{"a":{"c":null,"f":{"g":3}},"d":[2]}"#))
    #expect(MergePatch.apply(patch, to: old) == new)
  }
}
