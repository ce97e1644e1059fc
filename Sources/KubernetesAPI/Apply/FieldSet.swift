/// A set of fields: a tree whose nodes are members or lead to members.
///
/// The children of a node are kept in order, so that sets are joined, compared and written by
/// walking two lists side by side, without hashing names or sorting them.
struct FieldSet: Sendable, Hashable {
  struct Node: Sendable, Hashable {
    var isMember = false
    var children = FieldSet()

    var isEmpty: Bool { !isMember && children.isEmpty }
  }

  struct Child: Sendable, Hashable {
    var element: PathElement
    var node: Node
  }

  /// Ascending by element, none of them empty.
  private(set) var list: [Child] = []

  init() {}

  /// - Parameter children: in any order, each element once, none of them empty.
  init(_ children: [Child]) {
    list = children
    list.sort { PathElement.order($0.element, $1.element) < 0 }
  }

  var isEmpty: Bool { list.isEmpty }

  /// Where `element` stands, or would have to stand.
  private func position(of element: PathElement) -> (index: Int, isThere: Bool) {
    // Members mostly come in order.
    guard let last = list.last else { return (0, false) }
    let order = PathElement.order(last.element, element)
    if order < 0 { return (list.count, false) }
    if order == 0 { return (list.count - 1, true) }
    var low = 0
    var high = list.count - 1
    while low < high {
      let middle = (low + high) / 2
      if PathElement.order(list[middle].element, element) < 0 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return (low, list[low].element == element)
  }

  subscript(element: PathElement) -> Node {
    get {
      let place = position(of: element)
      return place.isThere ? list[place.index].node : Node()
    }
    set {
      let place = position(of: element)
      switch (place.isThere, newValue.isEmpty) {
      case (true, true): list.remove(at: place.index)
      case (true, false): list[place.index].node = newValue
      case (false, true): break
      case (false, false): list.insert(Child(element: element, node: newValue), at: place.index)
      }
    }
  }

  mutating func insert(_ path: [PathElement]) { insert(path[...]) }

  private mutating func insert(_ path: ArraySlice<PathElement>) {
    guard let first = path.first else { return }
    let place = position(of: first)
    if !place.isThere { list.insert(Child(element: first, node: Node()), at: place.index) }
    if path.count == 1 {
      list[place.index].node.isMember = true
    } else {
      list[place.index].node.children.insert(path.dropFirst())
    }
  }

  func union(_ other: FieldSet) -> FieldSet {
    if list.isEmpty { return other }
    if other.list.isEmpty { return self }
    var result = FieldSet()
    result.list.reserveCapacity(max(list.count, other.list.count))
    var (left, right) = (0, 0)
    while left < list.count, right < other.list.count {
      let (mine, theirs) = (list[left], other.list[right])
      let order = PathElement.order(mine.element, theirs.element)
      if order == 0 {
        let node = Node(
          isMember: mine.node.isMember || theirs.node.isMember,
          children: mine.node.children.union(theirs.node.children))
        result.list.append(Child(element: mine.element, node: node))
      } else {
        result.list.append(order < 0 ? mine : theirs)
      }
      if order <= 0 { left += 1 }
      if order >= 0 { right += 1 }
    }
    result.list += list[left...]
    result.list += other.list[right...]
    return result
  }

  func intersection(_ other: FieldSet) -> FieldSet {
    var result = FieldSet()
    forEach(beside: other) { mine, theirs in
      guard let theirs else { return }
      let node = Node(
        isMember: mine.node.isMember && theirs.isMember,
        children: mine.node.children.intersection(theirs.children))
      if !node.isEmpty { result.list.append(Child(element: mine.element, node: node)) }
    }
    return result
  }

  /// Members of this set that are not members of the other; what lies below those stays.
  func subtracting(_ other: FieldSet) -> FieldSet {
    if list.isEmpty || other.list.isEmpty { return self }
    var result = FieldSet()
    forEach(beside: other) { mine, theirs in
      guard let theirs else { return result.list.append(mine) }
      let node = Node(
        isMember: mine.node.isMember && !theirs.isMember,
        children: mine.node.children.subtracting(theirs.children))
      if !node.isEmpty { result.list.append(Child(element: mine.element, node: node)) }
    }
    return result
  }

  /// As `subtracting`, but a member of the other takes along all that lies below it.
  func subtractingTrees(_ other: FieldSet) -> FieldSet {
    if list.isEmpty || other.list.isEmpty { return self }
    var result = FieldSet()
    forEach(beside: other) { mine, theirs in
      guard let theirs else { return result.list.append(mine) }
      guard !theirs.isMember else { return }
      let node = Node(
        isMember: mine.node.isMember,
        children: mine.node.children.subtractingTrees(theirs.children))
      if !node.isEmpty { result.list.append(Child(element: mine.element, node: node)) }
    }
    return result
  }

  /// Every child with what the other set has in its place.
  private func forEach(beside other: FieldSet, _ body: (Child, Node?) -> Void) {
    var right = 0
    for mine in list {
      var order = 1
      while right < other.list.count {
        order = PathElement.order(other.list[right].element, mine.element)
        if order >= 0 { break }
        right += 1
      }
      body(mine, order == 0 && right < other.list.count ? other.list[right].node : nil)
    }
  }

  /// Every member, in order.
  var paths: [[PathElement]] {
    var paths: [[PathElement]] = []
    func walk(_ set: FieldSet, _ prefix: [PathElement]) {
      for child in set.list {
        if child.node.isMember { paths.append(prefix + [child.element]) }
        walk(child.node.children, prefix + [child.element])
      }
    }
    walk(self, [])
    return paths
  }

  /// Makes members of the named fields that lead to members, so that taking the set out of an
  /// object takes them out too.
  func withNamedFields(_ schema: ApplySchema, _ type: ApplySchema.ID) -> FieldSet {
    var result = self
    for index in list.indices {
      let (element, node) = (list[index].element, list[index].node)
      if case .field(let name) = element, !node.children.isEmpty, schema.isNamed(name, in: type) {
        result.list[index].node.isMember = true
      }
      result.list[index].node.children = node.children.withNamedFields(
        schema, schema.child(element, of: type))
    }
    return result
  }
}
