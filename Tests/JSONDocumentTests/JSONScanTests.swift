import Testing

@testable import JSONDocument

@Suite struct JSONScanTests {
  private func text(_ path: String..., in json: String) -> String? {
    let bytes = Array(json.utf8)
    return JSONScan.range(of: path.map { Array($0.utf8) }, in: bytes)
      .map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  @Test func findsWhatTheParserFinds() throws {
    let json = #"""
      {"a": {"x": "}]{", "b" : [1, {"c": "d"}, "\"]"], "n": -1.5e3, "z": null},
       "t":true,"e":{}, "last": "q\\"}
      """#
    #expect(text("a", "b", in: json) == #"[1, {"c": "d"}, "\"]"]"#)
    #expect(text("a", "n", in: json) == "-1.5e3")
    #expect(text("a", "z", in: json) == "null")
    #expect(text("t", in: json) == "true")
    #expect(text("e", in: json) == "{}")
    #expect(text("last", in: json) == #""q\\""#)
    #expect(text("a", "c", in: json) == nil)
    #expect(text("e", "x", in: json) == nil)
    #expect(text("t", "x", in: json) == nil)
  }

  @Test func whatIsCutAnywhereIsNoTrap() {
    let json = Array(#"{"metadata":{"labels":{"a":"b\"","c":[{}]},"n":12}}"#.utf8)
    for length in 0...json.count {
      let cut = Array(json[..<length])
      _ = JSONScan.range(of: [Array("metadata".utf8), Array("n".utf8)], in: cut)
      _ = JSONScan.member(
        Array("a".utf8), of: 0..<length, in: cut, candidates: [Array("b".utf8)])
    }
    for byte in UInt8.min...UInt8.max {
      var changed = json
      changed[13] = byte
      _ = JSONScan.range(of: [Array("metadata".utf8), Array("n".utf8)], in: changed)
    }
  }

  @Test func membersAreComparedWithoutATree() throws {
    let json = Array(#"{"labels":{"app":"web","tier":"fr\u006fnt","n":1}}"#.utf8)
    let range = try #require(JSONScan.range(of: [Array("labels".utf8)], in: json))
    func member(_ key: String, _ candidates: String...) -> JSONScan.Member {
      JSONScan.member(
        Array(key.utf8), of: range, in: json, candidates: candidates.map { Array($0.utf8) })
    }
    #expect(member("app", "db", "web") == .text(candidate: 1))
    #expect(member("app", "db") == .text(candidate: nil))
    #expect(member("tier", "front") == .other)
    #expect(member("n", "1") == .other)
    #expect(member("none") == .other || member("none") == .absent)
  }

  @Test func settingDeepInPlaceIsAsBefore() {
    var value: JSONValue = ["a": ["b": ["c": 1]], "s": "text"]
    value.set(2, at: "a", "b", "c")
    value.set("new", at: "x", "y", "z")
    value.set(nil, at: "a", "none", "c")
    value.set(3, at: "s", "deep")
    #expect(
      value == ["a": ["b": ["c": 2]], "s": "text", "x": ["y": ["z": "new"]]])
    value.set(nil, at: "a", "b", "c")
    #expect(value.at("a", "b") == [:])
    var null = JSONValue.null
    null.set(nil, at: "a", "b")
    #expect(null.isNull)
    null.set(1, at: "a", "b")
    #expect(null == ["a": ["b": 1]])
  }
}
