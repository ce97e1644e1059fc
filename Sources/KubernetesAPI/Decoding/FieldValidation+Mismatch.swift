import JSONDocument

extension FieldValidation.Walker {
  func mismatch(_ value: JSONValue, _ typeName: String) -> FieldValidation.TypeMismatch {
    FieldValidation.TypeMismatch(
      message: "json: cannot unmarshal \(value.typeName) into Go value of type "
        + Self.goName(typeName), path: "")
  }

  /// `json: cannot unmarshal number into Go struct field ConfigMap.data of type string`
  static func mismatch(
    _ value: JSONValue, expected: FieldType, owner: TypeInfo, path: String, _ catalogue: Catalogue
  ) -> FieldValidation.TypeMismatch {
    var found = value.typeName
    if case .integer = expected {
      // Go quotes the number where it only doesn't fit.
      if value.doubleValue != nil { found = "number \(value.text)" }
    }
    let place = removingIndices(path)
    return FieldValidation.TypeMismatch(
      message: "json: cannot unmarshal \(found) into Go struct field \(owner.shortName).\(place) "
        + "of type \(goType(expected, catalogue))", path: path)
  }

  /// Go names the members on the way, without positions in lists and keys of maps.
  private static func removingIndices(_ path: String) -> String {
    var result = ""
    var depth = 0
    for character in path {
      if character == "[" {
        depth += 1
      } else if character == "]" {
        depth -= 1
      } else if depth == 0 {
        result.append(character)
      }
    }
    return result
  }

  static func goName(_ typeName: String) -> String {
    typeName.split(separator: ".").suffix(2).joined(separator: ".")
  }

  private static func goType(_ type: FieldType, _ catalogue: Catalogue) -> String {
    switch type {
    case .string: "string"
    case .bytes: "[]uint8"
    case .boolean: "bool"
    case .integer(let bits): "int\(bits)"
    case .number: "float64"
    case .list(let element): "[]\(goType(element, catalogue))"
    case .map(let element): "map[string]\(goType(element, catalogue))"
    case .type(let id): goName(catalogue.type(id).name)
    }
  }
}
