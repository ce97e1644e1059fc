import Testing

@testable import JSONDocument

@Suite struct SerializedTreesTests {
  private static func spec(_ number: Int) -> JSONValue {
    [
      "containers": [
        ["name": .string("c\(number)"), "image": "example.com/application:1", "ports": [1, 2, 3]]
      ],
      "nodeSelector": ["kubernetes.io/os": "linux"],
    ]
  }

  private func text(_ value: JSONValue, _ trees: SerializedTrees) -> String {
    var output = Array("<".utf8)
    trees.serialize(value, into: &output)
    return String(decoding: output, as: UTF8.self)
  }

  @Test func theTextIsThatOfTheTree() {
    let trees = SerializedTrees()
    let spec = Self.spec(1)
    for round in 0..<4 {
      #expect(text(spec, trees) == "<" + spec.text)
      // What comes once is not kept.
      #expect((trees.keptBytes == 0) == (round == 0))
    }
    for other in [1, "x", .null, [], [:], [1, 2], ["a": 1]] as [JSONValue] {
      for _ in 0..<3 { #expect(text(other, trees) == "<" + other.text) }
    }
  }

  @Test func changedTreesHaveTextsOfTheirOwn() {
    let trees = SerializedTrees()
    var spec = Self.spec(1)
    for number in 0..<5 {
      let before = spec
      for _ in 0..<3 { #expect(text(spec, trees) == "<" + spec.text) }
      spec.set(.string("v\(number)"), at: "nodeSelector", "kubernetes.io/os")
      #expect(text(spec, trees) == "<" + spec.text)
      #expect(text(before, trees) == "<" + before.text)
    }
    // Also what hangs below, which the kept tree shares.
    guard case .array(var containers)? = spec["containers"] else { return }
    for _ in 0..<3 { _ = text(spec, trees) }
    containers[0]["image"] = "example.com/other:2"
    #expect(text(spec, trees) == "<" + spec.text)
    spec["containers"] = .array(containers)
    #expect(text(spec, trees) == "<" + spec.text)
  }

  @Test func whatIsKeptIsBounded() {
    let trees = SerializedTrees(maximumBytes: 4_096)
    let specs = (0..<200).map(Self.spec)
    for _ in 0..<5 {
      for spec in specs {
        #expect(text(spec, trees) == "<" + spec.text)
        #expect(trees.keptBytes <= 4_096)
      }
    }
    #expect(trees.keptBytes > 0)
    // Those that come now take the place of those that came before.
    let before = trees.keptBytes
    let later = (200..<210).map(Self.spec)
    for _ in 0..<50 {
      for spec in later { #expect(text(spec, trees) == "<" + spec.text) }
    }
    #expect(trees.keptBytes <= 4_096 && before > 0)
  }

  @Test func largeTextsAreNotKept() {
    let trees = SerializedTrees()
    let large: JSONValue = ["a": .string(String(repeating: "x", count: 20_000))]
    for _ in 0..<4 { #expect(text(large, trees) == "<" + large.text) }
    #expect(trees.keptBytes == 0)
  }
}
