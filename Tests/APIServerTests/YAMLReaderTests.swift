import JSONDocument
import Testing

@testable import APIServer

@Suite struct YAMLReaderTests {
  static let documents: [(String, String?)] = [
    ("a: b", #"{"a":"b"}"#), ("", "null"), ("# nothing\n", "null"), ("- 1\n- x", #"[1,"x"]"#),
    ("yes: 'on'\nn: ~", #"{"true":"on","false":null}"#), ("a: [Yes, OFF, y, null, '']", nil),
    ("a: 1\n---\nb: 2", #"{"a":1}"#), ("a: &x {b: 1}\nc: *x", #"{"a":{"b":1},"c":{"b":1}}"#),
    ("a: 010\nb: 0x1F\nc: 1_000\nd: -5\ne: 0b11\nf: 0o17", nil),
    ("a: 1.5\nb: 1e3\nc: .5\nd: 1.", #"{"a":1.5,"b":1000,"c":0.5,"d":1}"#),
    ("a: 2001-01-01\nb: 1.2.3\nc: 1:30", #"{"a":"2001-01-01","b":"1.2.3","c":"1:30"}"#),
    ("a: !!str 1\nb: !!binary YQ==\nc: !own x", #"{"a":"1","b":"a","c":"x"}"#),
    ("a: |\n  x\n  y\nb: >-\n  x\n  y", #"{"a":"x\ny\n","b":"x y"}"#),
    ("1: a\n1.5: b", #"{"1":"a","1.5":"b"}"#), (#"{"a":{"b":[1,true]}}"#, nil),
    ("base: &b {x: 1, z: 2}\nall: {<<: *b, z: 3}", nil),
  ]

  @Test(arguments: documents)
  func texts(yaml: String, json: String?) throws {
    let expected =
      json
      ?? [
        "a: [Yes, OFF, y, null, '']": #"{"a":[true,false,true,null,""]}"#,
        "a: 010\nb: 0x1F\nc: 1_000\nd: -5\ne: 0b11\nf: 0o17":
          #"{"a":8,"b":31,"c":1000,"d":-5,"e":3,"f":15}"#,
        #"{"a":{"b":[1,true]}}"#: #"{"a":{"b":[1,true]}}"#,
        "base: &b {x: 1, z: 2}\nall: {<<: *b, z: 3}":
          #"{"base":{"x":1,"z":2},"all":{"x":1,"z":3}}"#,
      ][yaml]
    #expect(try YAMLReader.read(yaml.utf8).value.text == expected)
  }

  static let keys: [(String, [String]?)] = [
    ("a: 1\na: 2", [#"line 2: key "a" already set in map"#]),
    ("m: {a: '1', a: '2'}\nx: 1\nx:\n  y: 1", nil),
    ("1: a\n1: b", ["line 2: key 1 already set in map"]),
    ("yes: 1\non: 2", ["line 2: key true already set in map"]), ("a: 1\nb: {a: 1}", []),
  ]

  @Test(arguments: keys)
  func keysThatAreThereTwice(yaml: String, lines: [String]?) throws {
    let expected =
      lines
      ?? [
        #"line 1: key "a" already set in map"#, #"line 4: key "x" already set in map"#,
      ]
    #expect(try YAMLReader.read(yaml.utf8).repeated == expected)
  }

  @Test(arguments: [
    ("a: b: c", "yaml: mapping values are not allowed in this context"),
    ("a: *x", "yaml: unknown anchor 'x' referenced"),
    ("x: 1\na: [", "yaml: line 2: did not find expected node content"),
    ("[a]: 1", "yaml: invalid map key: [a]"), ("a: .nan", "yaml: .nan has no form in JSON"),
    ("a: {<<: 1}", "yaml: map merge requires map or sequence of maps as the value"),
  ])
  func problems(yaml: String, message: String) {
    #expect {
      try YAMLReader.read(yaml.utf8)
    } throws: { ($0 as? YAMLReader.Failure)?.description == message }
  }

  @Test func aliasesOfAliasesAreBounded() {
    var yaml = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    for level in 1..<12 {
      let names = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
      yaml += "a\(level): &a\(level) [\(names)]\n"
    }
    #expect(throws: YAMLReader.Failure.self) { try YAMLReader.read(yaml.utf8) }
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: YAMLReader.Failure.self) { try YAMLReader.read(deep.utf8) }
  }

  @Test(arguments: ["", "yes", "1", "0x1", "1.5", "null", "~", "2001-01-01", "plain", "a: b"])
  func whatIsWrittenIsReadAgain(text: String) throws {
    let value: JSONValue = [text: .string(text)]
    let bytes = RequestBody.yamlBytes(of: value)
    #expect(try YAMLReader.read(bytes).value == value)
  }
}
