import JSONDocument

extension StructuralSchema {
  /// Elements of sets, and keys of lists that are maps, which are there more than once.
  public func duplicates(in value: JSONValue, path: String = "") -> [FieldError] {
    guard hasUniqueLists else { return [] }
    var errors: [FieldError] = []
    switch value {
    case .object(let members):
      for (name, member) in members {
        if let property = properties[name] {
          errors += property.duplicates(in: member, path: Self.path(path, name))
        } else if case .schema(let schema)? = additionalProperties {
          errors += schema.duplicates(in: member, path: "\(path)[\(name)]")
        }
      }
    case .array(let elements):
      var seen: Set<JSONValue> = []
      for (index, element) in elements.enumerated() {
        switch listType {
        case "set":
          if !seen.insert(element).inserted {
            errors.append(.duplicate("\(path)[\(index)]", element))
          }
        case "map":
          guard element.objectValue != nil else { break }
          var key = JSONObject()
          for name in listMapKeys { key[name] = element[name] }
          if !seen.insert(.object(key)).inserted {
            errors.append(.duplicate("\(path)[\(index)]", .object(key)))
          }
        default: break
        }
        if let items { errors += items.duplicates(in: element, path: "\(path)[\(index)]") }
      }
    default: break
    }
    return errors
  }
}
