/// All keys at one revision, as an immutable value.
public struct KeyspaceSnapshot: KeyspaceReader {
  public let revision: Revision
  private let tree: OrderedTree<KeyspaceState.Stored>

  init(revision: Revision, tree: OrderedTree<KeyspaceState.Stored>) {
    self.revision = revision
    self.tree = tree
  }

  /// How many keys there are.
  public var count: Int { tree.count }

  public func get(_ key: Key) -> Entry? { tree.get(key)?.entry }

  public func range(from start: Key, to end: Key?, limit: Int) -> [Entry] {
    var entries: [Entry] = []
    tree.forEach(from: start, to: end) { _, stored in
      entries.append(stored.entry)
      return limit <= 0 || entries.count < limit
    }
    return entries
  }

  public func count(from start: Key, to end: Key?) -> Int { tree.count(from: start, to: end) }

  /// Visits entries with `start <= key < end` in order until `body` returns false, without
  /// collecting them first.
  public func forEach(from start: Key, to end: Key?, _ body: (Entry) -> Bool) {
    tree.forEach(from: start, to: end) { _, stored in body(stored.entry) }
  }
}
