import SeededRuns
import Testing

@testable import Keyspace

@Suite struct OrderedTreeTests {
  typealias Tree = OrderedTree<Int>

  static func contents(_ tree: Tree, from start: Key = Key(""), to end: Key? = nil) -> [String] {
    var found: [String] = []
    tree.forEach(from: start, to: end) { key, value in
      found.append("\(key)=\(value)")
      return true
    }
    return found
  }

  /// Checks order, bounds, sizes and depth of every node.
  static func check(_ tree: Tree) {
    func depth(_ node: Tree.Node, low: Key?, high: Key?) -> Int {
      #expect(zip(node.keys, node.keys.dropFirst()).allSatisfy { $0 < $1 })
      #expect(node.keys.count <= Tree.Node.maximumKeys)
      if let low { #expect(node.keys.allSatisfy { low <= $0 }) }
      if let high { #expect(node.keys.allSatisfy { $0 < high }) }
      if node.isLeaf {
        #expect(node.keys.count == node.values.count)
        #expect(node.count == node.keys.count)
        return 1
      }
      #expect(node.children.count == node.keys.count + 1)
      #expect(node.count == node.children.reduce(0) { $0 + $1.count })
      let depths = node.children.enumerated().map { index, child in
        depth(
          child, low: index == 0 ? low : node.keys[index - 1],
          high: index == node.keys.count ? high : node.keys[index])
      }
      #expect(Set(depths).count == 1)
      return depths[0] + 1
    }
    _ = depth(tree.root, low: nil, high: nil)
  }

  @Test(arguments: 0..<12 as Range<UInt64>)
  func behavesAsASortedArray(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let names = (0..<(seed % 3 == 0 ? 60 : 1500)).map { Key("k\($0)") }
    var tree = Tree()
    var model: [Key: Int] = [:]
    var snapshots: [(Tree, [String])] = []
    func expected(from start: Key = Key(""), to end: Key? = nil) -> [String] {
      model.filter { $0.key >= start && (end.map { $0 } ?? Key("~")) > $0.key }
        .sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }
    for step in 0..<3000 {
      let key = names.randomElement(using: &random) ?? Key("k")
      // Grows first, shrinks later, so that splits and joins both happen.
      if Int.random(in: 0..<100, using: &random) < (step < 1800 ? 75 : 15) {
        #expect(tree.set(key, step) == model.updateValue(step, forKey: key))
      } else {
        #expect(tree.remove(key) == model.removeValue(forKey: key))
      }
      #expect(tree.count == model.count)
      if step % 500 == 250 { snapshots.append((tree, expected())) }
      if step % 250 == 0 {
        let bounds = [names.randomElement(using: &random), names.randomElement(using: &random)]
          .compactMap { $0 }.sorted()
        let inRange = expected(from: bounds[0], to: bounds[1])
        #expect(Self.contents(tree, from: bounds[0], to: bounds[1]) == inRange)
        #expect(tree.count(from: bounds[0], to: bounds[1]) == inRange.count)
        #expect(tree.count(from: bounds[1], to: bounds[0]) == 0)
        #expect(Self.contents(tree, from: bounds[1]) == expected(from: bounds[1]))
        Self.check(tree)
      }
    }
    for name in names { #expect(tree.get(name) == model[name]) }
    for (snapshot, contents) in snapshots { #expect(Self.contents(snapshot) == contents) }
    for name in names { tree.remove(name) }
    #expect(tree.isEmpty)
    #expect(Self.contents(tree) == [])
    for (snapshot, contents) in snapshots {
      #expect(Self.contents(snapshot) == contents)
      Self.check(snapshot)
    }
  }

  @Test func keysInOrderFillTheNodes() {
    var tree = Tree()
    for number in 0..<5000 {
      tree.set(Key(bytes: [UInt8(number >> 8), UInt8(number & 255)]), number)
    }
    Self.check(tree)
    var leaves = 0
    func visit(_ node: Tree.Node) {
      if node.isLeaf { leaves += 1 }
      node.children.forEach(visit)
    }
    visit(tree.root)
    #expect(leaves <= 5000 / Tree.Node.maximumKeys + 1)
  }

  @Test func aScanStopsWhenTold() {
    var tree = Tree()
    for number in 0..<1000 { tree.set(Key("k\(number)"), number) }
    var seen = 0
    tree.forEach(from: Key("k5"), to: nil) { _, _ in
      seen += 1
      return seen < 7
    }
    #expect(seen == 7)
  }

  @Test func aSnapshotCanBeReadWhileTheTreeChanges() async {
    var tree = Tree()
    for number in 0..<2000 { tree.set(Key("k\(number)"), number) }
    let before = Self.contents(tree)
    let snapshot = tree
    async let read = Task.detached { (0..<20).map { _ in Self.contents(snapshot) } }.value
    for number in 0..<2000 {
      tree.set(Key("k\(number)"), -1)
      tree.remove(Key("k\(number * 7 % 2000)"))
    }
    #expect(await read.allSatisfy { $0 == before })
  }
}
