extension OrderedTree {
  /// A leaf (keys and values) or an inner node (children, and between each two of them the
  /// lowest key that the right one may hold).
  final class Node {
    /// A change copies the nodes on its path that a copy of the tree still holds, so small ones
    /// are changed sooner; but each level is one more to go through.
    static var maximumKeys: Int { 16 }
    static var minimumKeys: Int { 4 }

    var keys: SortedKeys
    var values: [Value]
    var children: [Node]
    /// Keys in this subtree.
    var count: Int

    private init(copying node: Node) {
      keys = node.keys
      values = node.values
      children = node.children
      count = node.count
    }

    init(keys: some Collection<Key> = [], values: [Value] = []) {
      self.keys = SortedKeys(keys)
      self.values = values
      children = []
      count = keys.count
    }

    init(keys: some Collection<Key>, children: [Node]) {
      self.keys = SortedKeys(keys)
      values = []
      self.children = children
      count = children.reduce(0) { $0 + $1.count }
    }

    var isLeaf: Bool { children.isEmpty }

    func copy() -> Node { Node(copying: self) }

    /// The first index whose key is not below `key`.
    func lowerBound(_ key: Key) -> Int { keys.find(key).index }

    /// The child whose range contains `key`.
    func childIndex(for key: Key) -> Int {
      let (index, isThere) = keys.find(key)
      return isThere ? index + 1 : index
    }
  }
}

extension OrderedTree.Node {
  typealias Split = (separator: Key, right: OrderedTree.Node)

  /// `self` is referenced by the mutating tree alone.
  ///
  /// - Parameter body: gets the key as the tree holds it, where it does.
  func update(_ key: Key, _ body: (Key, Value?) -> Value) -> (previous: Value?, split: Split?) {
    if isLeaf {
      let (index, isThere) = keys.find(key)
      if isThere {
        let previous = values[index]
        values[index] = body(keys[index], previous)
        return (previous, nil)
      }
      keys.insert(key, at: index)
      values.insert(body(key, nil), at: index)
      count += 1
      guard keys.count > Self.maximumKeys else { return (nil, nil) }
      // Keys that arrive in order, as in a restore, leave full nodes behind.
      return (nil, splitLeaf(at: index == keys.count - 1 ? index : keys.count / 2))
    }
    let index = childIndex(for: key)
    let (previous, split) = uniqueChild(index).update(key, body)
    if previous == nil { count += 1 }
    guard let split else { return (previous, nil) }
    keys.insert(split.separator, at: index)
    children.insert(split.right, at: index + 1)
    guard keys.count > Self.maximumKeys else { return (previous, nil) }
    return (previous, splitInner(at: index == keys.count - 1 ? index - 1 : keys.count / 2))
  }

  /// `self` is referenced by the mutating tree alone and holds `key`.
  func remove(_ key: Key) -> Value? {
    if isLeaf {
      let (index, isThere) = keys.find(key)
      guard isThere else { return nil }
      keys.remove(at: index)
      count -= 1
      return values.remove(at: index)
    }
    let index = childIndex(for: key)
    let child = uniqueChild(index)
    let previous = child.remove(key)
    if previous != nil { count -= 1 }
    if child.keys.count < Self.minimumKeys { rebalance(index) }
    return previous
  }

  /// Visits in order; false if `body` stopped the visit.
  func visit(from start: Key?, to end: Key?, _ body: (Key, Value) -> Bool) -> Bool {
    if isLeaf {
      var index = start.map { lowerBound($0) } ?? 0
      let last = end.map { lowerBound($0) } ?? keys.count
      while index < last {
        if !body(keys[index], values[index]) { return false }
        index += 1
      }
      return true
    }
    let first = start.map { childIndex(for: $0) } ?? 0
    let last = end.map { lowerBound($0) } ?? keys.count
    guard first <= last else { return true }
    for index in first...last {
      // Only the outermost children can hold keys beyond a bound.
      let goesOn = children[index].visit(
        from: index == first ? start : nil, to: index == last ? end : nil, body)
      if !goesOn { return false }
    }
    return true
  }

  private func uniqueChild(_ index: Int) -> OrderedTree.Node {
    if !isKnownUniquelyReferenced(&children[index]) { children[index] = children[index].copy() }
    return children[index]
  }

  private func splitLeaf(at index: Int) -> Split {
    let right = OrderedTree.Node(keys: keys[index...], values: Array(values[index...]))
    keys.removeFrom(index)
    values.removeSubrange(index...)
    count = keys.count
    return (right.keys[0], right)
  }

  /// The key at `index` moves up between the halves.
  private func splitInner(at index: Int) -> Split {
    let separator = keys[index]
    let right = OrderedTree.Node(
      keys: keys[(index + 1)...], children: Array(children[(index + 1)...]))
    keys.removeFrom(index)
    children.removeSubrange((index + 1)...)
    count -= right.count
    return (separator, right)
  }

  /// Joins a child that became small with a neighbour, and halves the two where they are too
  /// much for one node.
  private func rebalance(_ index: Int) {
    guard children.count > 1 else { return }
    let first = index > 0 ? index - 1 : 0
    let left = children[first]
    let right = children[first + 1]
    let joined =
      left.isLeaf
      ? OrderedTree.Node(
        keys: Array(left.keys) + Array(right.keys), values: left.values + right.values)
      : OrderedTree.Node(
        keys: Array(left.keys) + [keys[first]] + Array(right.keys),
        children: left.children + right.children)
    children[first] = joined
    if joined.keys.count <= Self.maximumKeys {
      keys.remove(at: first)
      children.remove(at: first + 1)
      return
    }
    let middle = joined.keys.count / 2
    let split = joined.isLeaf ? joined.splitLeaf(at: middle) : joined.splitInner(at: middle)
    keys.replace(at: first, by: split.separator)
    children[first + 1] = split.right
  }
}
