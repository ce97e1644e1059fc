import JSONDocument

extension FieldSet {
  /// The form `FieldsV1`: a member is an empty object, or `.` beside what lies below it.
  var encoded: JSONValue {
    var object = JSONObject()
    for element in nodes.keys.sorted(by: PathElement.precedes) {
      let node = self[element]
      guard !node.children.isEmpty else {
        object[element.encoded] = .object([:])
        continue
      }
      var children = node.children.encoded.objectValue ?? [:]
      if node.isMember {
        var withSelf: JSONObject = [".": .object([:])]
        for (key, value) in children { withSelf[key] = value }
        children = withSelf
      }
      object[element.encoded] = .object(children)
    }
    return .object(object)
  }

  /// - Returns: nil where the value is no `FieldsV1`.
  init?(encoded value: JSONValue, depth: Int = 0) {
    guard depth < 128, let object = value.objectValue else { return nil }
    self.init()
    for (name, child) in object where name != "." {
      guard let element = PathElement(encoded: name), let members = child.objectValue,
        let children = FieldSet(encoded: child, depth: depth + 1)
      else { return nil }
      self[element] = Node(
        isMember: members.isEmpty || members.contains("."), children: children)
    }
  }
}
