/// Paths of members through a schema: `.spec.color`, `.spec['a.b']`.
enum SchemaPath {
  struct Found {
    var names: [String]
    var schema: StructuralSchema
  }

  struct Problem: Error {
    var message: String
  }

  static func resolve(_ path: String, in root: StructuralSchema, allowsBrackets: Bool = true)
    -> Result<Found, Problem>
  {
    var names: [String] = []
    var schema: StructuralSchema? = root
    var rest = Substring(path)
    func fail(_ message: String) -> Result<Found, Problem> { .failure(Problem(message: message)) }
    while let mark = rest.first {
      var name = ""
      switch mark {
      case ".":
        rest.removeFirst()
        let token = rest.prefix { !".[]".contains($0) }
        guard !token.isEmpty || !rest.isEmpty else { return fail("unexpected end of JSON path") }
        name = String(token.isEmpty ? rest.prefix(1) : token)
        rest = rest.dropFirst(name.count)
      case "[":
        guard allowsBrackets else { return fail("array notation is not allowed") }
        rest.removeFirst()
        guard rest.first == "'" else {
          let token = rest.prefix { $0 != "]" }
          return fail(
            token.isEmpty
              ? "unexpected end of JSON path"
              : "expected single quoted string but got \(token)")
        }
        rest.removeFirst()
        var isClosed = false
        while let character = rest.popFirst() {
          if character == "'" {
            isClosed = true
            break
          }
          if character == "\\" {
            guard let escaped = rest.popFirst() else { break }
            let known: [Character: Character] = [
              "a": "\u{07}", "b": "\u{08}", "f": "\u{0C}", "n": "\n", "r": "\r", "t": "\t",
              "v": "\u{0B}", "'": "'", "\\": "\\",
            ]
            guard let meant = known[escaped] else {
              return fail("invalid string literal: invalid escape char \\\(escaped)")
            }
            name.append(meant)
          } else {
            name.append(character)
          }
        }
        guard isClosed else { return fail("unexpected end of JSON path") }
        guard rest.first == "]" else { return fail("unexpected end of JSON path") }
        rest.removeFirst()
      default:
        return fail("expected [ or . but got: \(rest.prefix { !".[]".contains($0) })")
      }
      guard let current = schema else { return fail("does not refer to a valid field") }
      if let property = current.properties[name] {
        schema = property
      } else if current.properties.isEmpty,
        case .schema(let element)? =
          current.additionalProperties
      {
        schema = element
      } else {
        return fail("does not refer to a valid field")
      }
      names.append(name)
    }
    guard let schema else { return fail("does not refer to a valid field") }
    return .success(Found(names: names, schema: schema))
  }
}
