import JSONDocument

extension StructuralSchema {
  /// Drops what the schema does not know.
  ///
  /// - Parameter isRoot: the value is an object of the API, whose type and metadata stay.
  /// - Returns: the paths of what was dropped, in order.
  public func prune(_ value: inout JSONValue, isRoot: Bool) -> [String] {
    var unknown: [String] = []
    Self.prune(&value, self, isResource: isRoot, path: "", depth: 0, &unknown)
    return unknown.sorted()
  }

  static func path(_ path: String, _ name: String) -> String {
    path.isEmpty ? name : "\(path).\(name)"
  }

  private static func prune(
    _ value: inout JSONValue, _ schema: StructuralSchema?, isResource: Bool, path: String,
    depth: Int, _ unknown: inout [String]
  ) {
    guard depth < 512 else { return }
    let isResource = isResource || schema?.isEmbeddedResource ?? false
    let preserves = schema?.preservesUnknownFields ?? false
    switch value {
    case .object(let members):
      if preserves, let schema, schema.properties.isEmpty, schema.additionalProperties == nil {
        return
      }
      value = .null
      var result = JSONObject()
      result.reserveCapacity(members.count)
      for position in 0..<members.count {
        let name = members.keys[position]
        if isResource, resourceMembers.contains(name) {
          result[name] = members.values[position]
          continue
        }
        let child: StructuralSchema?
        if let property = schema?.properties[name] {
          child = property
        } else if let additional = schema?.additionalProperties {
          if case .schema(let schema) = additional { child = schema } else { child = nil }
        } else if preserves {
          result[name] = members.values[position]
          continue
        } else {
          unknown.append(Self.path(path, name))
          continue
        }
        var member = members.values[position]
        switch member {
        case .object, .array:
          prune(
            &member, child, isResource: false, path: Self.path(path, name), depth: depth + 1,
            &unknown)
        default: break
        }
        result[name] = member
      }
      value = .object(result)
    case .array(var elements):
      let items = schema?.items
      if preserves, items == nil { return }
      value = .null
      for index in elements.indices {
        switch elements[index] {
        case .object, .array:
          prune(
            &elements[index], items, isResource: false, path: "\(path)[\(index)]",
            depth: depth + 1, &unknown)
        default: break
        }
      }
      value = .array(elements)
    default: break
    }
  }
}
