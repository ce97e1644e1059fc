/// A map ordered by key whose copies cost nothing: a B+ tree of shared nodes, of which a
/// mutation copies only those on its path that a copy of the tree still holds.
///
/// Lookups, changes and counts of a range take O(log n), a scan O(log n + results). Every inner
/// node keeps the size of its subtree.
public struct OrderedTree<Value> {
  var root = Node()

  public init() {}

  public var count: Int { root.count }
  public var isEmpty: Bool { root.count == 0 }

  public func get(_ key: Key) -> Value? {
    var node = root
    while !node.isLeaf { node = node.children[node.childIndex(for: key)] }
    let (index, isThere) = node.keys.find(key)
    return isThere ? node.values[index] : nil
  }

  /// Sets the value of `key` and returns what it held before.
  @discardableResult
  public mutating func set(_ key: Key, _ value: Value) -> Value? {
    update(key) { _, _ in value }
  }

  /// Sets the value of `key` to what `body` makes of the one that it holds now, and returns that
  /// one; goes through the tree once.
  @discardableResult
  mutating func update(_ key: Key, _ body: (Key, Value?) -> Value) -> Value? {
    if !isKnownUniquelyReferenced(&root) { root = root.copy() }
    let (previous, split) = root.update(key, body)
    if let split {
      root = Node(keys: [split.separator], children: [root, split.right])
    }
    return previous
  }

  /// Removes `key` and returns what it held; an absent key copies nothing.
  @discardableResult
  public mutating func remove(_ key: Key) -> Value? {
    guard get(key) != nil else { return nil }
    if !isKnownUniquelyReferenced(&root) { root = root.copy() }
    let previous = root.remove(key)
    if !root.isLeaf, root.children.count == 1 { root = root.children[0] }
    return previous
  }

  /// Visits `start <= key < end` in order until `body` returns false.
  public func forEach(from start: Key, to end: Key?, _ body: (Key, Value) -> Bool) {
    if let end, end <= start { return }
    _ = root.visit(from: start, to: end, body)
  }

  /// How many keys are in `start <= key < end`.
  public func count(from start: Key, to end: Key?) -> Int {
    if let end, end <= start { return 0 }
    return (end.map { rank($0) } ?? root.count) - rank(start)
  }

  /// How many keys sort before `key`.
  func rank(_ key: Key) -> Int {
    var node = root
    var rank = 0
    while !node.isLeaf {
      let index = node.childIndex(for: key)
      for left in 0..<index { rank += node.children[left].count }
      node = node.children[index]
    }
    return rank + node.lowerBound(key)
  }
}

// A node is changed only by a mutating method of a tree that found it to be referenced by
// nobody else, so no other thread can be looking at it; a shared node never changes again.
extension OrderedTree.Node: @unchecked Sendable where Value: Sendable {}
extension OrderedTree: Sendable where Value: Sendable {}
