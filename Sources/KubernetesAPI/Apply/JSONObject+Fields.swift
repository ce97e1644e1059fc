import JSONDocument

// Sets of fields in their form `FieldsV1`, as `FieldSet` writes them: a node without members is a member
// itself, one with members is so if `.` is among them, and they are in order.
extension JSONObject {
  private static let itself = "."

  /// Whether a node is a field of the set, and does not only lead to some.
  private var isMember: Bool { isEmpty || contains(Self.itself) }

  /// Takes members out; what lies below them stays. What is not touched stays shared.
  ///
  /// - Returns: whether there were any of them.
  @discardableResult
  mutating func removeMembers(_ set: FieldSet) -> Bool {
    var isChanged = false
    for child in set.list {
      let name = child.element.encoded
      guard case .object(var node)? = self[name] else { continue }
      let wasMember = node.isMember
      var isEdited = !node.isEmpty && node.removeMembers(child.node.children)
      let staysMember = wasMember && !child.node.isMember
      if wasMember, !staysMember {
        isEdited = true
        if !node.isEmpty { node[Self.itself] = nil }
      }
      guard isEdited else { continue }
      isChanged = true
      let leads = node.count > (node.contains(Self.itself) ? 1 : 0)
      if leads {
        self[name] = .object(node)
      } else {
        self[name] = staysMember ? .object([:]) : nil
      }
    }
    return isChanged
  }

  /// Adds members, each in its place.
  mutating func insertMembers(_ set: FieldSet) {
    for child in set.list {
      let name = child.element.encoded
      guard case .object(var node)? = self[name] else {
        insert(
          new: name, child.node.encodedNode, at: place(of: child.element))
        continue
      }
      let isMember = node.isMember || child.node.isMember
      node.insertMembers(child.node.children)
      if isMember, !node.isEmpty, !node.contains(Self.itself) {
        node.insert(new: Self.itself, .object([:]), at: 0)
      }
      self[name] = .object(node)
    }
  }

  /// Before which member an element goes that is not there.
  private func place(of element: PathElement) -> Int {
    for position in 0..<count where keys[position] != Self.itself {
      guard let other = PathElement(encoded: keys[position]) else { continue }
      if PathElement.order(element, other) < 0 { return position }
    }
    return count
  }
}
