import Testing

@testable import JSONDocument

@Suite struct JSONSharingTests {
  private static let text =
    #"{"kind":"Pod","spec":{"a":[{"b":1},{"c":"0123456789012345678901234567890123456789"}],"#
    + #""d":{"e":"x","f":null}},"status":{"g":[]}}"#

  @Test func equalPartsBecomeOne() throws {
    let earlier = try JSONValue(parsing: Self.text)
    var same = try JSONValue(parsing: Self.text)
    #expect(!same.isIdentical(to: earlier))
    let isSame = same.share(with: earlier)
    #expect(isSame)
    #expect(same.isIdentical(to: earlier))

    var other = try JSONValue(parsing: Self.text)
    other.set("y", at: "spec", "d", "e")
    let wanted = other
    let isOtherSame = other.share(with: earlier)
    #expect(!isOtherSame)
    #expect(other == wanted)
    let (before, after) = (try #require(earlier["spec"]), try #require(other["spec"]))
    #expect(!after.isIdentical(to: before))
    #expect(try #require(after["a"]).isIdentical(to: #require(before["a"])))
    #expect(!(try #require(after["d"]).isIdentical(to: #require(before["d"]))))
    #expect(try #require(other["status"]).isIdentical(to: #require(earlier["status"])))
  }

  @Test(arguments: [
    (#"{"a":1}"#, #"{"a":1,"b":2}"#), (#"{"a":1,"b":2}"#, #"{"a":1}"#), ("[1,2]", "[1]"),
    ("[1]", "[1,2]"), (#"{"a":[1]}"#, #"{"a":{}}"#), ("1", "2"), (#"{"a":1}"#, "null"),
    (#"{"a":{"b":[1,{"c":2}]}}"#, #"{"a":{"b":[1,{"c":3}]}}"#),
  ])
  func differentPartsStay(text: String, earlier: String) throws {
    var value = try JSONValue(parsing: text)
    let isSame = value.share(with: try JSONValue(parsing: earlier))
    #expect(!isSame)
    #expect(value.text == text)
  }

  @Test func membersTakeTheOrderTheyHad() throws {
    var value = try JSONValue(parsing: #"{"x":{"a":1,"b":2}}"#)
    let isSame = value.share(with: try JSONValue(parsing: #"{"x":{"b":2,"a":1}}"#))
    #expect(isSame)
    #expect(value.text == #"{"x":{"b":2,"a":1}}"#)
  }

  private func cache() -> SubtreeCache {
    SubtreeCache([SubtreeCache.Place("spec", depth: 1)], seed: 1)
  }

  @Test func whatComesAgainIsShared() throws {
    let cache = cache()
    func parsed(_ text: String) throws -> (spec: JSONValue, isSharing: Bool) {
      let result = try JSONValue.parse(
        Array(text.utf8), findDuplicates: true, mergesDuplicates: true, sharing: cache)
      #expect(try result.value == JSONValue(parsing: text))
      return (try #require(result.value["spec"]), result.isSharing)
    }
    #expect(try !parsed(Self.text).isSharing)
    // The second time it is kept, and the third taken.
    let second = try parsed(Self.text)
    let third = try parsed("{ \"metadata\": {\"name\":\"z\"}, " + Self.text.dropFirst())
    #expect(second.isSharing && third.isSharing)
    #expect(third.spec.isIdentical(to: second.spec))
    // An edit of the one leaves the other alone.
    var edited = third.spec
    edited.set("y", at: "d", "e")
    #expect(second.spec.at("d", "e") == "x")
    // At other places nothing is looked for.
    for _ in 0..<3 {
      #expect(
        try !JSONValue.parse(
          Array(#"{"a":\#(Self.text)}"#.utf8), findDuplicates: false, sharing: cache
        ).isSharing)
    }
    // Other bytes are another tree, though they mean the same.
    let spaced = try parsed(Self.text.replacing(#""e":"x""#, with: #""e": "x""#))
    #expect(!spaced.isSharing && spaced.spec == second.spec)
  }

  @Test func whatIsWrongIsRefusedEachTime() throws {
    let cache = cache()
    let bad = Self.text.replacing(#""f":null"#, with: #""f":nil,"h":"0123456789012345678901234"#)
    for _ in 0..<4 {
      #expect(throws: JSONError.self) { try JSONValue(parsing: Array(bad.utf8), sharing: cache) }
    }
    let twice = Self.text.replacing(#""f":null"#, with: #""e":"y""#)
    for _ in 0..<4 {
      let result = try JSONValue.parse(
        Array(twice.utf8), findDuplicates: true, sharing: cache)
      #expect(result.duplicates == ["spec.d.e"])
      #expect(!result.isSharing)
    }
    // Cut off anywhere, there is no document, also where its specification is known.
    let bytes = Array(Self.text.utf8)
    for _ in 0..<2 { _ = try JSONValue(parsing: bytes, sharing: cache) }
    for end in 0..<bytes.count {
      #expect(throws: JSONError.self) { try JSONValue(parsing: bytes[..<end], sharing: cache) }
    }
  }

  @Test func onlySoMuchIsKept() throws {
    let cache = SubtreeCache([SubtreeCache.Place("spec", depth: 1)], seed: 1, maximumBytes: 4_096)
    for number in 0..<400 {
      let text = #"{"spec":{"a":"\#(number)\#(String(repeating: "x", count: 200))"}}"#
      for _ in 0..<3 {
        #expect(try JSONValue(parsing: Array(text.utf8), sharing: cache).text == text)
      }
    }
    #expect(cache.keptBytes <= 4_096)
    #expect(cache.keptBytes > 0)
  }
}
