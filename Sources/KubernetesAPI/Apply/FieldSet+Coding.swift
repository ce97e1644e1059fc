import JSONDocument

extension FieldSet {
  /// The form `FieldsV1`: a member is an empty object, or `.` beside what lies below it.
  var encoded: JSONValue { encoded(isMember: false) }

  fileprivate func encoded(isMember: Bool) -> JSONValue {
    var object = JSONObject()
    object.reserveCapacity(list.count + (isMember ? 1 : 0))
    if isMember { object[Self.itself] = .object([:]) }
    for child in list { object[child.element.encoded] = child.node.encodedNode }
    return .object(object)
  }

  private static let itself = "."

  /// - Returns: nil where the value is no `FieldsV1`.
  init?(encoded value: JSONValue, depth: Int = 0) {
    guard depth < 128, let object = value.objectValue else { return nil }
    self.init()
    for (name, child) in object where name != Self.itself {
      guard let element = PathElement(encoded: name), let members = child.objectValue,
        let children = FieldSet(encoded: child, depth: depth + 1)
      else { return nil }
      self[element] = Node(
        isMember: members.isEmpty || members.contains(Self.itself), children: children)
    }
  }
}

extension FieldSet.Node {
  var encodedNode: JSONValue {
    children.isEmpty ? .object([:]) : children.encoded(isMember: isMember)
  }
}
