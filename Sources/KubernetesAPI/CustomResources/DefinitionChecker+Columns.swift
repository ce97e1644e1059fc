import JSONDocument

/// Subresources, columns and selectable fields: what names places in objects by a path.
extension DefinitionChecker {
  private mutating func simplePath(_ path: String, _ field: String) -> Bool {
    guard path.hasPrefix(".") else {
      add(.invalid(field, .string(path), "must be a simple json path starting with ."))
      return false
    }
    return true
  }

  mutating func checkSubresources(_ value: JSONValue?, _ place: String) {
    guard let scale = value?["scale"], scale.objectValue != nil else { return }
    for (name, root) in [("specReplicasPath", "spec"), ("statusReplicasPath", "status")] {
      let field = "\(place).scale.\(name)"
      let path = scale[name]?.stringValue ?? ""
      if path.isEmpty {
        add(.required(field))
      } else if simplePath(path, field), !path.hasPrefix(".\(root).") {
        add(.invalid(field, .string(path), "should be a json path under .\(root)"))
      }
    }
    let path = scale["labelSelectorPath"]?.stringValue ?? ""
    let field = "\(place).scale.labelSelectorPath"
    if !path.isEmpty, simplePath(path, field), !path.hasPrefix(".spec."),
      !path.hasPrefix(".status.")
    {
      add(
        .invalid(field, .string(path), "should be a json path under either .spec or .status"))
    }
  }

  private static let columnTypes = ["boolean", "date", "integer", "number", "string"]
  private static let columnFormats = [
    "byte", "date", "date-time", "double", "float", "int32", "int64", "password",
  ]

  mutating func checkColumns(_ value: JSONValue?, _ place: String) {
    for (index, column) in (value?.arrayValue ?? []).enumerated() {
      let field = "\(place)[\(index)]"
      func text(_ name: String) -> String { column[name]?.stringValue ?? "" }
      if text("name").isEmpty { add(.required("\(field).name")) }
      let types = "must be one of \(Self.columnTypes.joined(separator: ","))"
      if text("type").isEmpty {
        add(.required("\(field).type", types))
      } else if !Self.columnTypes.contains(text("type")) {
        add(.invalid("\(field).type", .string(text("type")), types))
      }
      if !text("format").isEmpty, !Self.columnFormats.contains(text("format")) {
        add(
          .invalid(
            "\(field).format", .string(text("format")),
            "must be one of \(Self.columnFormats.joined(separator: ","))"))
      }
      if text("jsonPath").isEmpty {
        add(.required("\(field).JSONPath"))
      } else {
        _ = simplePath(text("jsonPath"), "\(field).JSONPath")
      }
    }
  }

  mutating func checkSelectableFields(
    _ value: JSONValue?, _ schema: JSONValue?, _ place: String
  ) {
    let fields = value?.arrayValue ?? []
    guard !fields.isEmpty else { return }
    guard let schema, schema.objectValue != nil else {
      add(
        .invalid(place, "", "selectableFields may only be set when validations.schema is included"))
      return
    }
    let root = StructuralSchema(schema)
    var seen: Set<String> = []
    for (index, entry) in fields.enumerated() {
      let path = entry["jsonPath"]?.stringValue ?? ""
      let field = "\(place)[\(index)].jsonPath"
      guard !path.isEmpty else {
        add(.required(field))
        continue
      }
      switch SchemaPath.resolve(path, in: root, allowsBrackets: false) {
      case .failure(let problem):
        add(.invalid(field, .string(path), "is an invalid path: \(problem.message)"))
      case .success(let found):
        if found.names.first == "metadata" {
          add(.invalid(field, .string(path), "must not point to fields in metadata"))
        }
        if !["string", "boolean", "integer"].contains(found.schema.type) {
          add(
            .invalid(
              field, .string(path),
              "must point to a field of type string, boolean or integer. Enum string fields and "
                + "strings with formats are allowed."))
        }
        if !seen.insert(found.names.joined(separator: ".")).inserted {
          add(.duplicate(field, .string(path)))
        }
      }
    }
    // KEP-4358's bound.
    if seen.count > 8 {
      add(StructuralSchema.tooMany(place, seen.count, 8))
    }
  }
}
