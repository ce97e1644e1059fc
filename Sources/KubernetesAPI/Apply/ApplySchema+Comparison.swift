import JSONDocument

/// What differs between two objects.
struct FieldComparison: Sendable {
  var added = FieldSet()
  var removed = FieldSet()
  var modified = FieldSet()

  var isEmpty: Bool { added.isEmpty && removed.isEmpty && modified.isEmpty }

  /// Without the members of `fields` and all that lies below them.
  func subtractingTrees(_ fields: FieldSet) -> FieldComparison {
    FieldComparison(
      added: added.subtractingTrees(fields), removed: removed.subtractingTrees(fields),
      modified: modified.subtractingTrees(fields))
  }
}

extension ApplySchema {
  private struct Difference {
    var added = FieldSet.Node()
    var removed = FieldSet.Node()
    var modified = FieldSet.Node()

    mutating func place(_ child: Difference, at element: PathElement) {
      if !child.added.isEmpty { added.children[element] = child.added }
      if !child.removed.isEmpty { removed.children[element] = child.removed }
      if !child.modified.isEmpty { modified.children[element] = child.modified }
    }
  }

  func compare(_ old: JSONValue, _ new: JSONValue) -> FieldComparison {
    let difference = difference(old, new, root, depth: 0)
    return FieldComparison(
      added: difference.added.children, removed: difference.removed.children,
      modified: difference.modified.children)
  }

  private func leaf(_ old: JSONValue?, _ new: JSONValue?) -> Difference {
    var result = Difference()
    if old == nil {
      result.added.isMember = true
    } else if new == nil {
      result.removed.isMember = true
    } else if old != new {
      result.modified.isMember = true
    }
    return result
  }

  private func difference(_ old: JSONValue?, _ new: JSONValue?, _ id: ID, depth: Int)
    -> Difference
  {
    // Equal trees are the rule; they cost one walk.
    if let old, let new, old == new { return Difference() }
    if old == nil, let new { return Difference(added: added(new, id, depth: depth)) }
    guard depth < Self.maximumDepth else { return leaf(old, new) }
    var kind = kind(id)
    if case .deduced = kind, new?.objectValue != nil || old?.objectValue != nil {
      kind = .object(fields: [:], element: Self.unknown)
    }
    var result: Difference
    switch kind {
    case .object(let fields, let element):
      let olds = old?.objectValue ?? [:]
      let news = new?.objectValue ?? [:]
      if olds.isEmpty, news.isEmpty { return leaf(old, new) }
      result = Difference()
      let fills = fills[id] ?? [:]
      for (name, value) in news {
        let before = olds[name] ?? fills[name]
        let member = fields[name] ?? element ?? Self.unknown
        result.place(difference(before, value, member, depth: depth + 1), at: .field(name))
      }
      for (name, value) in olds where news[name] == nil {
        let after = new == nil ? nil : fills[name]
        let member = fields[name] ?? element ?? Self.unknown
        result.place(difference(value, after, member, depth: depth + 1), at: .field(name))
      }
    case .set, .keyed:
      let olds = old?.arrayValue ?? []
      let news = new?.arrayValue ?? []
      if olds.isEmpty, news.isEmpty { return leaf(old, new) }
      result = Difference()
      let before = grouped(olds, id)
      let after = grouped(news, id)
      for element in after.order {
        result.place(
          differenceOfItems(
            before.items[element] ?? [], after.items[element] ?? [],
            child(element, of: id), depth: depth + 1), at: element)
      }
      for element in before.order where after.items[element] == nil {
        result.place(
          differenceOfItems(
            before.items[element] ?? [], [], child(element, of: id), depth: depth + 1),
          at: element)
      }
    default: return leaf(old, new)
    }
    if new == nil { result.removed.isMember = true }
    return result
  }

  /// What is new where there was nothing: all of it.
  private func added(_ value: JSONValue, _ id: ID, depth: Int) -> FieldSet.Node {
    var node = FieldSet.Node(isMember: true)
    guard depth < Self.maximumDepth else { return node }
    switch (kind(id), value) {
    case (.object(let fields, let element), .object(let object)):
      node.children = FieldSet(
        object.map { name, value in
          let member = fields[name] ?? element ?? Self.unknown
          return FieldSet.Child(
            element: .field(name), node: added(value, member, depth: depth + 1))
        })
    case (.deduced, .object(let object)):
      node.children = FieldSet(
        object.map { name, value in
          FieldSet.Child(
            element: .field(name), node: added(value, Self.unknown, depth: depth + 1))
        })
    case (.set, .array(let items)), (.keyed, .array(let items)):
      if items.count == 1 {
        let element = element(items[0], at: 0, of: id)
        node.children[element] = added(items[0], child(element, of: id), depth: depth + 1)
        return node
      }
      let groups = grouped(items, id)
      node.children = FieldSet(
        groups.order.map { element in
          let items = groups.items[element] ?? []
          let isAlone = items.count == 1
          return FieldSet.Child(
            element: element,
            node: isAlone
              ? added(items[0], child(element, of: id), depth: depth + 1)
              : FieldSet.Node(isMember: true))
        })
    default: break
    }
    return node
  }

  /// Items of a list under one key: more than one only in lists that break their own rule.
  private func differenceOfItems(_ old: [JSONValue], _ new: [JSONValue], _ id: ID, depth: Int)
    -> Difference
  {
    if old.count <= 1, new.count <= 1 { return difference(old.first, new.first, id, depth: depth) }
    return leaf(
      old.isEmpty ? nil : .array(old), new.isEmpty ? nil : .array(new))
  }

  func grouped(_ items: [JSONValue], _ id: ID) -> (
    order: [PathElement], items: [PathElement: [JSONValue]]
  ) {
    var order: [PathElement] = []
    var groups: [PathElement: [JSONValue]] = [:]
    for (index, item) in items.enumerated() {
      let element = element(item, at: index, of: id)
      if groups[element] == nil { order.append(element) }
      groups[element, default: []].append(item)
    }
    return (order, groups)
  }
}
