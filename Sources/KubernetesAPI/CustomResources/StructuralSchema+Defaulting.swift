import JSONDocument

extension StructuralSchema {
  /// Removes nulls that the schema does not take and fills in defaults, as reading an object does.
  public func applyDefaults(to value: inout JSONValue) {
    Self.fill(&value, self, depth: 0)
    Self.dropNulls(&value, self, depth: 0)
  }

  private static func isRefused(_ value: JSONValue?, _ schema: StructuralSchema) -> Bool {
    value == .null && !schema.isNullable
  }

  private static func fill(_ value: inout JSONValue, _ schema: StructuralSchema, depth: Int) {
    guard schema.hasDefaults, depth < maximumDepth else { return }
    switch value {
    case .object(var members):
      value = .null
      for name in schema.propertyNames {
        guard let property = schema.properties[name], let filling = property.defaultValue else {
          continue
        }
        if members[name] == nil || isRefused(members[name], property) { members[name] = filling }
      }
      for position in 0..<members.count {
        let name = members.keys[position]
        guard let child = schema.member(name), child.hasDefaults else { continue }
        var member = members.values[position]
        if schema.properties[name] == nil, isRefused(member, child),
          let filling = child.defaultValue
        {
          member = filling
        }
        fill(&member, child, depth: depth + 1)
        members[name] = member
      }
      value = .object(members)
    case .array(var elements):
      guard let items = schema.items else { return }
      value = .null
      for index in elements.indices {
        if isRefused(elements[index], items), let filling = items.defaultValue {
          elements[index] = filling
        }
        fill(&elements[index], items, depth: depth + 1)
      }
      value = .array(elements)
    default: break
    }
  }

  private static func dropNulls(_ value: inout JSONValue, _ schema: StructuralSchema, depth: Int) {
    guard depth < maximumDepth else { return }
    switch value {
    case .object(let members):
      var result: JSONObject?
      for position in 0..<members.count {
        let name = members.keys[position]
        guard let child = schema.member(name) else { continue }
        var member = members.values[position]
        switch member {
        case .null:
          guard !child.isNullable else { continue }
          if result == nil { result = members }
          result?[name] = nil
        case .object, .array:
          guard hasNull(member) else { continue }
          dropNulls(&member, child, depth: depth + 1)
          if result == nil { result = members }
          result?[name] = member
        default: break
        }
      }
      if let result { value = .object(result) }
    case .array(var elements):
      guard let items = schema.items else { return }
      value = .null
      for index in elements.indices { dropNulls(&elements[index], items, depth: depth + 1) }
      value = .array(elements)
    default: break
    }
  }

  /// Most objects have none, and are left as they are.
  private static func hasNull(_ value: JSONValue) -> Bool {
    switch value {
    case .null: true
    case .array(let elements): elements.contains(where: hasNull)
    case .object(let members): members.values.contains(where: hasNull)
    default: false
    }
  }
}
