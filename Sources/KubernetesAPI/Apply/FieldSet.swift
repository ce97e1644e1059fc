/// A set of fields: a tree whose nodes are members or lead to members.
struct FieldSet: Sendable, Hashable {
  struct Node: Sendable, Hashable {
    var isMember = false
    var children = FieldSet()

    var isEmpty: Bool { !isMember && children.isEmpty }
  }

  private(set) var nodes: [PathElement: Node] = [:]

  var isEmpty: Bool { nodes.isEmpty }

  subscript(element: PathElement) -> Node {
    get { nodes[element] ?? Node() }
    set { nodes[element] = newValue.isEmpty ? nil : newValue }
  }

  mutating func insert(_ path: [PathElement]) { insert(path[...]) }

  private mutating func insert(_ path: ArraySlice<PathElement>) {
    guard let first = path.first else { return }
    if path.count == 1 {
      nodes[first, default: Node()].isMember = true
    } else {
      nodes[first, default: Node()].children.insert(path.dropFirst())
    }
  }

  func union(_ other: FieldSet) -> FieldSet {
    if nodes.isEmpty { return other }
    var result = self
    for (element, node) in other.nodes {
      guard var mine = result.nodes[element] else {
        result.nodes[element] = node
        continue
      }
      mine.isMember = mine.isMember || node.isMember
      mine.children = mine.children.union(node.children)
      result.nodes[element] = mine
    }
    return result
  }

  func intersection(_ other: FieldSet) -> FieldSet {
    var result = FieldSet()
    for (element, node) in nodes {
      guard let theirs = other.nodes[element] else { continue }
      result[element] = Node(
        isMember: node.isMember && theirs.isMember,
        children: node.children.intersection(theirs.children))
    }
    return result
  }

  /// Members of this set that are not members of the other; what lies below those stays.
  func subtracting(_ other: FieldSet) -> FieldSet {
    if other.nodes.isEmpty { return self }
    var result = self
    for (element, theirs) in other.nodes {
      guard let node = result.nodes[element] else { continue }
      result[element] = Node(
        isMember: node.isMember && !theirs.isMember,
        children: node.children.subtracting(theirs.children))
    }
    return result
  }

  /// As `subtracting`, but a member of the other takes along all that lies below it.
  func subtractingTrees(_ other: FieldSet) -> FieldSet {
    var result = self
    for (element, theirs) in other.nodes {
      guard let node = result.nodes[element] else { continue }
      result[element] =
        theirs.isMember
        ? Node()
        : Node(
          isMember: node.isMember, children: node.children.subtractingTrees(theirs.children))
    }
    return result
  }

  /// Every member, in order.
  var paths: [[PathElement]] {
    var paths: [[PathElement]] = []
    func walk(_ set: FieldSet, _ prefix: [PathElement]) {
      for element in set.nodes.keys.sorted(by: PathElement.precedes) {
        let node = set[element]
        if node.isMember { paths.append(prefix + [element]) }
        walk(node.children, prefix + [element])
      }
    }
    walk(self, [])
    return paths
  }

  /// Makes members of the named fields that lead to members, so that taking the set out of an
  /// object takes them out too.
  func withNamedFields(_ schema: ApplySchema, _ type: ApplySchema.ID) -> FieldSet {
    var result = FieldSet()
    for (element, node) in nodes {
      var node = node
      if case .field(let name) = element, !node.children.isEmpty, schema.isNamed(name, in: type) {
        node.isMember = true
      }
      node.children = node.children.withNamedFields(schema, schema.child(element, of: type))
      result[element] = node
    }
    return result
  }
}
