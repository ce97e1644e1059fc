import Testing

@testable import KubernetesAPI

@Suite struct RegularExpressionTests {
  @Test(arguments: [
    ("^a+$", "aaa", true), ("^a+$", "ab", false), ("b", "abc", true), ("^$", "", true),
    ("^[a-z]([-a-z0-9]*[a-z0-9])?$", "my-name", true), ("^[a-z]([-a-z0-9]*[a-z0-9])?$", "A", false),
    ("^\\d{2,3}$", "12", true), ("^\\d{2,3}$", "1234", false), ("^(ab|cd)*$", "abcdab", true),
    ("(?i)HELLO", "say hello", true), ("^.$", "\n", false), ("(?s)^.$", "\n", true),
    ("^[^/]+$", "a/b", false), ("\\bfoo\\b", "a foo b", true),
    ("\\bfoo", " - foo", true), ("(?m)^b", "a\nb", true), ("^\\p{Lu}", "Éa", true),
    ("^[[:alpha:]]+$", "abc", true), ("^\\x41\\Q.*\\E$", "A.*", true), ("^é{2}$", "éé", true),
    // What makes matchers that try one way after the other take for ever.
    ("^(a+)+$", String(repeating: "a", count: 200) + "b", false),
  ])
  func itIsFoundOrNot(_ pattern: String, _ text: String, _ expected: Bool) throws {
    #expect(try RegularExpression(pattern).isFound(in: text) == expected)
  }

  @Test(arguments: [
    "(", "a)", "*a", "a**", "[b-a]", "[a", "\\", "a{1001}", "(?=a)", "\\1", "[[:x:]]",
  ])
  func whatIsNoExpressionIsRefused(_ pattern: String) {
    #expect(throws: RegularExpression.Problem.self) { try RegularExpression(pattern) }
  }

  @Test func theFirstMatchIsTheOneThatTheExpressionPrefers() throws {
    let text = Array("xx123yy45".unicodeScalars)
    #expect(try RegularExpression("[0-9]+").firstMatch(in: text, from: 0) == 2..<5)
    #expect(try RegularExpression("[0-9]+?").firstMatch(in: text, from: 0) == 2..<3)
    #expect(try RegularExpression("[0-9]+").firstMatch(in: text, from: 5) == 7..<9)
    #expect(try RegularExpression("z").firstMatch(in: text, from: 0) == nil)
  }
}
