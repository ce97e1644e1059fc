import JSONDocument
import Testing

@testable import LogTools

struct TextTests {
  @Test func rendersYAMLAsKubectlDoes() throws {
    let value = try JSONValue(
      parsing: #"""
        {"b":{"list":[{"name":"x","args":["-c","a: b"]},"plain",[1,2]],"empty":{},"none":[]},
         "a":"true","n":1.5,"text":"one\ntwo\n","version":"1.10","null":null}
        """#)
    #expect(
      YAMLText.render(value)
        == """
        a: "true"
        b:
          empty: {}
          list:
          - args:
            - -c
            - 'a: b'
            name: x
          - plain
          - - 1
            - 2
          none: []
        "n": 1.5
        "null": null
        text: |
          one
          two
        version: "1.10"

        """.replacingQuotes())
  }

  @Test func findsShortestEdits() {
    let lines = LineDiff.lines(from: ["a", "b", "c", "d"], to: ["a", "c", "x", "d"])
    #expect(
      lines == [.same("a"), .removed("b"), .same("c"), .added("x"), .same("d")])
  }

  @Test(arguments: 0..<200)
  func editsAlwaysLeadFromOldToNew(seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func next(_ bound: UInt64) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % bound)
    }
    let old = (0..<next(30)).map { _ in "\(next(6))" }
    let new = (0..<next(30)).map { _ in "\(next(6))" }
    for maximumEdits in [5, 2_000] {
      let lines = LineDiff.lines(from: old, to: new, maximumEdits: maximumEdits)
      var before: [String] = []
      var after: [String] = []
      for line in lines {
        switch line {
        case .same(let text):
          before.append(text)
          after.append(text)
        case .removed(let text): before.append(text)
        case .added(let text): after.append(text)
        }
      }
      #expect(before == old && after == new)
    }
  }

  @Test func leavesOutWhatDidNotChange() {
    let old = (0..<20).map(String.init)
    var new = old
    new[10] = "ten"
    let text = LineDiff.render(LineDiff.lines(from: old, to: new), context: 1, color: false)
    #expect(text == "  …\n  9\n- 10\n+ ten\n  11\n")
  }

  @Test(
    arguments: [
      ("10m", 1_000_000 - 600_000), ("1h30m", 1_000_000 - 5_400_000), ("45s", 955_000),
      ("00:10", 600_000), ("00:10:01", 601_000), ("1970-01-01T00:00:07Z", 7_000),
    ] as [(String, Int64)])
  func readsMoments(_ text: String, _ expected: Int64) {
    #expect(TimeExpression.parse(text, nowMilliseconds: 1_000_000) == expected)
  }

  @Test(arguments: ["", "10", "10x", "25:00", "yesterday", "1:2:3:4"])
  func refusesWhatIsNoMoment(_ text: String) {
    #expect(TimeExpression.parse(text, nowMilliseconds: 1_000_000) == nil)
  }
}

extension String {
  /// kubectl quotes with single quotes where this writer uses double ones; both are YAML.
  fileprivate func replacingQuotes() -> String {
    split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.contains("'") ? line.map { $0 == "'" ? "\"" : String($0) }.joined() : String(line)
    }.joined(separator: "\n")
  }
}
