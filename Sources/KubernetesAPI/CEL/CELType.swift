/// What an expression's value is known to be before it is evaluated.
indirect enum CELType: Sendable, Hashable, CustomStringConvertible {
  case dyn, null, bool, int, uint, double, string, bytes, duration, timestamp
  case list(CELType)
  case map(CELType, CELType)
  case object(CELObjectType)
  case optional(CELType)
  /// A type of its own of a library, e.g. `kubernetes.Quantity`.
  case opaque(String)
  /// The type of types.
  case type
  /// Stands for any type in a signature; within one call always for the same.
  case parameter(String)

  var description: String {
    switch self {
    case .dyn: "dyn"
    case .null: "null"
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .duration: "google.protobuf.Duration"
    case .timestamp: "google.protobuf.Timestamp"
    case .list(let element): "list(\(element))"
    case .map(let key, let value): "map(\(key), \(value))"
    case .object: "object"
    case .optional(let value): "optional_type(\(value))"
    case .opaque(let name): name
    case .type: "type"
    case .parameter(let name): name
    }
  }
}

/// An object with known members. Two are the same only if they come from one place in a schema.
final class CELObjectType: Sendable, Hashable {
  /// By the names that expressions use.
  let fields: [String: CELDeclaration]

  init(fields: [String: CELDeclaration]) { self.fields = fields }

  static func == (left: CELObjectType, right: CELObjectType) -> Bool { left === right }
  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// The type that a place in a schema has, and how large its values may become: in elements, or for
/// text in bytes.
struct CELDeclaration: Sendable, Hashable {
  var type: CELType
  var maximumSize: UInt64 = 1
  /// The fewest bytes that a value takes in JSON.
  var minimumBytes: UInt64 = 1
  /// Of the elements of a list or the values of a map.
  var element: [CELDeclaration] = []

  /// The largest object that a request may carry, which bounds what has no bound of its own.
  static let maximumRequestBytes: UInt64 = 3 * 1024 * 1024

  /// `nil` where a schema has no type that rules could speak of.
  init?(_ schema: StructuralSchema, isRoot: Bool) {
    if schema.isIntOrString {
      self.init(type: .dyn, maximumSize: Self.maximumRequestBytes - 2, minimumBytes: 1)
      return
    }
    switch schema.type {
    case "array":
      guard let items = schema.items,
        let element = CELDeclaration(items, isRoot: items.isEmbeddedResource)
      else { return nil }
      let count =
        schema.bounds.maximumItems.map { UInt64(max(0, $0)) }
        ?? (Self.maximumRequestBytes - 2) / (element.minimumBytes + 1)
      self.init(
        type: .list(element.type), maximumSize: count, minimumBytes: 2, element: [element])
    case "object":
      if case .schema(let values)? = schema.additionalProperties {
        guard let element = CELDeclaration(values, isRoot: values.isEmbeddedResource) else {
          return nil
        }
        let count =
          schema.bounds.maximumProperties.map { UInt64(max(0, $0)) }
          ?? (Self.maximumRequestBytes - 2) / (element.minimumBytes + 6)
        self.init(
          type: .map(.string, element.type), maximumSize: count, minimumBytes: 2,
          element: [element])
        return
      }
      var fields: [String: CELDeclaration] = [:]
      var bytes: UInt64 = 2
      for (name, property) in schema.properties {
        guard let field = CELDeclaration(property, isRoot: property.isEmbeddedResource) else {
          continue
        }
        if let escaped = CELNames.escaped(name) { fields[escaped] = field }
        if schema.required.contains(name), property.defaultValue == nil {
          bytes += UInt64(name.utf8.count) + field.minimumBytes + 4
        }
      }
      if isRoot {
        let text = CELDeclaration(
          type: .string, maximumSize: Self.maximumRequestBytes - 2, minimumBytes: 2)
        fields["apiVersion"] = text
        fields["kind"] = text
        var metadata: [String: CELDeclaration] = [:]
        if case .object(let declared)? = fields["metadata"]?.type { metadata = declared.fields }
        metadata["name"] = metadata["name"] ?? text
        metadata["generateName"] = metadata["generateName"] ?? text
        fields["metadata"] = CELDeclaration(
          type: .object(CELObjectType(fields: metadata)), minimumBytes: 2)
      }
      self.init(type: .object(CELObjectType(fields: fields)), minimumBytes: bytes)
    case "string":
      let bound = schema.bounds.maximumLength.map { UInt64(max(0, $0)) }
      switch schema.format {
      case "byte":
        self.init(
          type: .bytes, maximumSize: bound ?? Self.maximumRequestBytes - 2, minimumBytes: 2)
      case "duration": self.init(type: .duration, maximumSize: 32, minimumBytes: 4)
      case "date": self.init(type: .timestamp, maximumSize: 10, minimumBytes: 12)
      case "date-time": self.init(type: .timestamp, maximumSize: 35, minimumBytes: 21)
      default:
        let longest = schema.enumeration?.map { UInt64(($0.stringValue ?? "").utf8.count) }.max()
        self.init(
          type: .string,
          maximumSize: bound.map { $0.multipliedReportingOverflow(by: 4).partialValue } ?? longest
            ?? Self.maximumRequestBytes - 2, minimumBytes: 2)
      }
    case "boolean": self.init(type: .bool, minimumBytes: 4)
    case "number": self.init(type: .double)
    case "integer": self.init(type: .int)
    default: return nil
    }
  }

  init(
    type: CELType, maximumSize: UInt64 = 1, minimumBytes: UInt64 = 1,
    element: [CELDeclaration] = []
  ) {
    self.type = type
    self.maximumSize = maximumSize
    self.minimumBytes = minimumBytes
    self.element = element
  }
}

/// Names of members that CEL's syntax has no place for are written with escapes.
enum CELNames {
  private static let reserved: Set<String> = [
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
    "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
  ]

  private static let escapes = [
    ("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"),
  ]

  /// `nil` for a name that can't be written.
  static func escaped(_ name: String) -> String? {
    if reserved.contains(name) { return "__\(name)__" }
    var result = ""
    var rest = Substring(name)
    guard let first = rest.first, !first.isNumber else { return nil }
    scan: while let character = rest.first {
      for (text, escape) in escapes where rest.hasPrefix(text) {
        result += escape
        rest = rest.dropFirst(text.count)
        continue scan
      }
      guard character == "_" || character.isASCII && (character.isLetter || character.isNumber)
      else { return nil }
      result.append(character)
      rest.removeFirst()
    }
    return result
  }

  static func unescaped(_ name: String) -> String {
    guard name.contains("__") else { return name }
    if name.hasPrefix("__"), name.hasSuffix("__"), name.count > 4 {
      let inside = String(name.dropFirst(2).dropLast(2))
      if reserved.contains(inside) { return inside }
    }
    var result = ""
    var rest = Substring(name)
    scan: while let character = rest.first {
      for (text, escape) in escapes where rest.hasPrefix(escape) {
        result += text
        rest = rest.dropFirst(escape.count)
        continue scan
      }
      result.append(character)
      rest.removeFirst()
    }
    return result
  }
}
