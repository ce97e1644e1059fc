import Testing

@testable import JSONDocument

@Suite struct JSONDuplicatesTests {
  static let documents: [(String, String, String?, [String])] = [
    (#"{"a":1,"a":2}"#, #"{"a":2}"#, #"{"a":2}"#, ["a"]),
    (#"{"a":{"b":1},"a":{"c":2}}"#, #"{"a":{"c":2}}"#, #"{"a":{"b":1,"c":2}}"#, ["a"]),
    (
      #"{"m":{"n":1,"n":2},"m":{"n":3,"x":{"y":1}},"m":{"x":{"z":2}}}"#, #"{"m":{"x":{"z":2}}}"#,
      #"{"m":{"n":3,"x":{"y":1,"z":2}}}"#, ["m.n", "m"]
    ),
    (#"{"l":[{"a":1},{"a":1,"a":{}}]}"#, #"{"l":[{"a":1},{"a":{}}]}"#, nil, ["l[1].a"]),
    (#"{"a":[1],"a":[2]}"#, #"{"a":[2]}"#, nil, ["a"]),
    (#"{"a":{"b":1},"a":null}"#, #"{"a":null}"#, nil, ["a"]),
    (#"{"a":1,"b":{"a":1}}"#, #"{"a":1,"b":{"a":1}}"#, nil, []),
  ]

  @Test(arguments: documents)
  func theLastCounts(text: String, last: String, united: String?, duplicates: [String]) throws {
    let plain = try JSONValue.parse(Array(text.utf8), findDuplicates: true)
    #expect(plain.value.text == last)
    #expect(plain.duplicates == duplicates)
    let merged = try JSONValue.parse(
      Array(text.utf8), findDuplicates: true, mergesDuplicates: true)
    #expect(merged.value.text == united ?? last)
    #expect(merged.duplicates == duplicates)
  }

  @Test func noMoreThanAHundredAreTold() throws {
    let members = (0..<300).map { #""k\#($0)":1,"k\#($0)":2"# }.joined(separator: ",")
    let parsed = try JSONValue.parse(Array("{\(members)}".utf8), findDuplicates: true)
    #expect(parsed.duplicates.count == JSONParser.maximumDuplicates)
    #expect(parsed.value.objectValue?.count == 300)
  }

  @Test(arguments: [
    ("{", "unexpected end of JSON input"), ("", "unexpected end of JSON input"),
    ("not json", "invalid character 'o' in literal null (expecting 'u')"),
    ("{'a': 1}", #"invalid character '\'' looking for beginning of object key string"#),
    (#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string"),
    ("<a/>", "invalid character '<' looking for beginning of value"),
    ("{}x", "invalid character 'x' after top-level value"),
    (#"{"a" 1}"#, "invalid character '1' after object key"),
    (#"{"a":1 2}"#, "invalid character '2' after object key:value pair"),
    ("[1 2]", "invalid character '2' after array element"),
    (#"["\x"]"#, "invalid character 'x' in string escape code"),
    ("[1.x]", "invalid character 'x' in numeric literal"),
  ])
  func problemsInGoWords(text: String, message: String) {
    #expect {
      try JSONValue(parsing: text)
    } throws: { ($0 as? JSONError)?.message == message }
  }

  static let bytes: [([UInt8], String)] = [
    ([0x61, 0xFF, 0x62], "a\u{FFFD}b"), ([0xC3, 0xA9], "é"), ([0xE2, 0x82], "\u{FFFD}\u{FFFD}"),
    ([0xF0, 0x9F, 0x98, 0x80, 0x80], "😀\u{FFFD}"),
    ([0xED, 0xA0, 0x80], "\u{FFFD}\u{FFFD}\u{FFFD}"),
  ]

  @Test(arguments: bytes)
  func bytesThatAreNoTextAreReplaced(bytes: [UInt8], text: String) throws {
    let quote = UInt8(ascii: "\"")
    #expect(try JSONValue(parsing: [quote] + bytes + [quote]) == .string(text))
    let escaped = Array(#"\n"#.utf8)
    #expect(try JSONValue(parsing: [quote] + escaped + bytes + [quote]) == .string("\n" + text))
  }

  @Test func membersAreEditedInPlaceAndLeftOut() throws {
    var object: JSONObject = [:]
    for number in 0..<40 { object["k\(number)"] = .int(Int64(number)) }
    object.editAll { key, value in
      value = .string(key)
      return Int(key.dropFirst()).map { $0 % 2 == 0 } ?? false
    }
    #expect(object.count == 20)
    #expect(object["k2"] == "k2")
    #expect(object["k3"] == nil)
    #expect(object.keys.first == "k0")
    object["k3"] = 3
    #expect(object["k3"] == 3 && object["k38"] == "k38")
  }
}
