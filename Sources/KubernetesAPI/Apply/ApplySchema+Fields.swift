import JSONDocument

extension ApplySchema {
  /// The fields that a configuration gives a value to.
  func fields(of value: JSONValue) -> FieldSet { node(value, root, depth: 0).children }

  private func node(_ value: JSONValue, _ id: ID, depth: Int) -> FieldSet.Node {
    guard depth < Self.maximumDepth else { return FieldSet.Node(isMember: true) }
    let kind = kind(id)
    switch (kind, value) {
    case (.object, .object(let object)), (.deduced, .object(let object)):
      var result = FieldSet.Node()
      for (name, content) in object {
        var child = node(content, member(name, of: id), depth: depth + 1)
        let isEmpty = content.isNull || content.objectValue?.isEmpty == true
        if isEmpty || !isNamed(name, in: id) { child.isMember = true }
        result.children[.field(name)] = child
      }
      return result
    case (.keyed, .array(let items)), (.set, .array(let items)):
      var result = FieldSet.Node()
      let elements = items.enumerated().map { element($1, at: $0, of: id) }
      for (item, element) in zip(items, elements) {
        var child = FieldSet.Node()
        if elements.count(where: { $0 == element }) == 1 {
          child = node(item, self.child(element, of: id), depth: depth + 1)
        }
        child.isMember = true
        result.children[element] = child
      }
      return result
    case (.object, .null), (.keyed, .null), (.set, .null): return FieldSet.Node()
    default: return FieldSet.Node(isMember: true)
    }
  }

  /// Why a configuration doesn't fit the schema.
  struct Mismatch: Error, CustomStringConvertible {
    var description: String
  }

  /// - Throws: where a field is unknown, a value of the wrong type, or a list's key there twice.
  func check(_ value: JSONValue) throws(Mismatch) { try check(value, root, "", depth: 0) }

  private func check(_ value: JSONValue, _ id: ID, _ path: String, depth: Int) throws(Mismatch) {
    guard depth < Self.maximumDepth else {
      throw Mismatch(description: "\(path): nested too deeply")
    }
    func wrong(_ expected: String) -> Mismatch {
      Mismatch(description: "\(path): expected \(expected), got \(value.text.prefix(100))")
    }
    if value.isNull { return }
    switch kind(id) {
    case .string: if value.stringValue == nil { throw wrong("string") }
    case .boolean: if value.boolValue == nil { throw wrong("boolean") }
    case .number:
      switch value {
      case .int, .double: break
      default: throw wrong("numeric (int or float)")
      }
    case .leaf, .deduced: break
    case .atomicObject: if value.objectValue == nil { throw wrong("map") }
    case .atomicList: if value.arrayValue == nil { throw wrong("list") }
    case .object(let fields, let element):
      guard let object = value.objectValue else { throw wrong("map") }
      for (name, content) in object {
        guard let child = fields[name] ?? element else {
          throw Mismatch(description: "\(path).\(name): field not declared in schema")
        }
        try check(content, child, "\(path).\(name)", depth: depth + 1)
      }
    case .set, .keyed:
      guard let items = value.arrayValue else { throw wrong("list") }
      var seen: Set<PathElement> = []
      for (index, item) in items.enumerated() {
        let element = element(item, at: index, of: id)
        guard seen.insert(element).inserted else {
          throw Mismatch(description: "\(path): duplicate entries for key \(element.display)")
        }
        try check(
          item, child(element, of: id), path + element.display, depth: depth + 1)
      }
    }
  }
}
