import JSONDocument

/// One thing that is wrong with an object, and where.
public struct FieldError: Error, Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    case notFound = "FieldValueNotFound"
    case required = "FieldValueRequired"
    case duplicate = "FieldValueDuplicate"
    case invalid = "FieldValueInvalid"
    case notSupported = "FieldValueNotSupported"
    case forbidden = "FieldValueForbidden"
    case tooLong = "FieldValueTooLong"
    case tooMany = "FieldValueTooMany"
    case internalError = "InternalError"
    case typeInvalid = "FieldValueTypeInvalid"

    /// How messages begin.
    var text: String {
      switch self {
      case .notFound: "Not found"
      case .required: "Required value"
      case .duplicate: "Duplicate value"
      case .invalid, .typeInvalid: "Invalid value"
      case .notSupported: "Unsupported value"
      case .forbidden: "Forbidden"
      case .tooLong: "Too long"
      case .tooMany: "Too many"
      case .internalError: "Internal error"
      }
    }
  }

  public var type: Kind
  /// E.g. `spec.containers[0].name`.
  public var field: String
  /// The value at fault; nil where messages leave it out.
  public var value: JSONValue?
  public var detail: String

  public init(_ type: Kind, _ field: String, value: JSONValue? = nil, _ detail: String = "") {
    self.type = type
    self.field = field
    self.value = value
    self.detail = detail
  }

  public static func required(_ field: String, _ detail: String = "") -> FieldError {
    FieldError(.required, field, detail)
  }

  public static func invalid(_ field: String, _ value: JSONValue?, _ detail: String) -> FieldError {
    FieldError(.invalid, field, value: value ?? .null, detail)
  }

  public static func forbidden(_ field: String, _ detail: String) -> FieldError {
    FieldError(.forbidden, field, detail)
  }

  public static func duplicate(_ field: String, _ value: JSONValue) -> FieldError {
    FieldError(.duplicate, field, value: value)
  }

  public static func notSupported(_ field: String, _ value: JSONValue?, _ supported: [String])
    -> FieldError
  {
    let list = supported.sorted().map(GoFormat.quoted).joined(separator: ", ")
    return FieldError(
      .notSupported, field, value: value ?? .null,
      supported.isEmpty ? "" : "supported values: \(list)")
  }

  public static func tooLong(_ field: String, maximumBytes: Int) -> FieldError {
    FieldError(.tooLong, field, "may not be more than \(maximumBytes) bytes")
  }

  public static func tooMany(_ field: String, _ count: Int, maximum: Int) -> FieldError {
    FieldError(.tooMany, field, value: .int(Int64(count)), "must have at most \(maximum) items")
  }

  public static func notFound(_ field: String, _ value: JSONValue) -> FieldError {
    FieldError(.notFound, field, value: value)
  }

  /// The message without the field: what a cause shows.
  public var body: String {
    var text = type.text
    switch type {
    case .required, .forbidden, .tooLong, .internalError: break
    default: if let value { text += ": \(Self.text(of: value))" }
    }
    return detail.isEmpty ? text : "\(text): \(detail)"
  }

  private static func text(of value: JSONValue) -> String {
    switch value {
    case .string(let text): GoFormat.quoted(text)
    case .object, .array: Self.escaped(value.text)
    default: value.text
    }
  }

  /// JSON as Go writes it: what HTML takes for markup is escaped.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "<": result += "\\u003c"
      case ">": result += "\\u003e"
      case "&": result += "\\u0026"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}

extension APIStatus {
  /// The answer to an object that fails validation: 422 with a cause for each error.
  public static func invalid(kind: String, group: String, name: String, errors: [FieldError])
    -> APIStatus
  {
    var seen: Set<String> = []
    var lines: [String] = []
    for error in errors {
      let line = "\(error.field): \(error.body)"
      if seen.insert(line).inserted { lines.append(line) }
    }
    let qualified = group.isEmpty ? kind : "\(kind).\(group)"
    var message = "\(qualified) \(GoFormat.quoted(name)) is invalid"
    if lines.count == 1 { message += ": \(lines[0])" }
    if lines.count > 1 { message += ": [\(lines.joined(separator: ", "))]" }
    return APIStatus(
      code: 422, reason: "Invalid", message: message, kind: kind, group: group, name: name,
      causes: errors.map {
        Cause(reason: $0.type.rawValue, message: $0.body, field: $0.field)
      })
  }
}
