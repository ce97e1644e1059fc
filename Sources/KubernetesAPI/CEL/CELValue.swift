import JSONDocument

/// A value while an expression is evaluated.
enum CELValue: Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  case double(Double)
  case string(String)
  case bytes([UInt8])
  case duration(GoDuration)
  case timestamp(Timestamp)
  case list([CELValue])
  case map([CELKey: CELValue])
  /// Part of the object that is checked, turned into values where it is looked at.
  case elements([JSONValue], StructuralSchema)
  case members(JSONObject, StructuralSchema, isRoot: Bool)
  indirect case optional(CELValue?)
  case quantity(Quantity)
  case ip(IPAddress)
  case cidr(IPRange)
  case url(WebAddress)
  case semver(SemanticVersion)
  case format(String)
  case access(CELAccess)
  case accessAnswer(AccessAnswer)
  case type(String)

  /// A part of an object, as its schema says it is to be taken.
  init(_ value: JSONValue, _ schema: StructuralSchema?, isRoot: Bool = false) {
    switch value {
    case .null: self = .null
    case .bool(let flag): self = .bool(flag)
    case .int(let number):
      self = schema?.type == "number" ? .double(Double(number)) : .int(number)
    case .double(let number):
      if schema?.type == "integer", let whole = Int64(exactly: number) {
        self = .int(whole)
      } else {
        self = .double(number)
      }
    case .string(let text):
      guard schema?.type == "string", let format = schema?.format else {
        self = .string(text)
        return
      }
      switch format {
      case "byte": self = Base64.decode(text).map { .bytes($0) } ?? .string(text)
      case "duration":
        self = GoDuration(parsing: text).map { .duration($0) } ?? .string(text)
      case "date":
        self = Timestamp(parsing: text + "T00:00:00Z").map { .timestamp($0) } ?? .string(text)
      case "date-time": self = Timestamp(parsing: text).map { .timestamp($0) } ?? .string(text)
      default: self = .string(text)
      }
    case .array(let elements): self = .elements(elements, schema ?? .anything)
    case .object(let members): self = .members(members, schema ?? .anything, isRoot: isRoot)
    }
  }

  var type: CELType {
    switch self {
    case .null: .null
    case .bool: .bool
    case .int: .int
    case .uint: .uint
    case .double: .double
    case .string: .string
    case .bytes: .bytes
    case .duration: .duration
    case .timestamp: .timestamp
    case .list, .elements: .list(.dyn)
    case .map, .members: .map(.dyn, .dyn)
    case .optional: .optional(.dyn)
    case .quantity: .opaque("quantity")
    case .ip: .opaque("ip")
    case .cidr: .opaque("cidr")
    case .url: .opaque("url")
    case .semver: .opaque("semver")
    case .format: .opaque("format")
    case .access(let access): .opaque(access.typeName)
    case .accessAnswer: .opaque("kubernetes.authorization.Decision")
    case .type: .type
    }
  }

  var typeName: String {
    switch self {
    case .null: "null_type"
    case .list, .elements: "list"
    case .map, .members: "map"
    case .duration: "google.protobuf.Duration"
    case .timestamp: "google.protobuf.Timestamp"
    case .optional: "optional_type"
    case .type: "type"
    default: "\(type)"
    }
  }

  /// The elements of a list; `nil` for anything else.
  var elements: [CELValue]? {
    switch self {
    case .list(let values): values
    case .elements(let values, let schema): values.map { CELValue($0, schema.items) }
    default: nil
    }
  }

  /// How many elements, members, characters or bytes; `nil` for a value without parts.
  var count: Int? {
    switch self {
    case .string(let text): text.unicodeScalars.count
    case .bytes(let bytes): bytes.count
    case .list(let values): values.count
    case .elements(let values, _): values.count
    case .map(let entries): entries.count
    case .members(let members, _, _): members.count
    default: nil
    }
  }

  /// The member of a map or an object under a key; `nil` where there is none.
  func member(_ key: CELValue) -> CELValue? {
    switch self {
    case .map(let entries): return CELKey(key).flatMap { entries[$0] }
    case .members(let members, let schema, let isRoot):
      guard case .string(let name) = key, let value = members[name] else { return nil }
      return Self.member(value, name, schema, isRoot: isRoot)
    case .access(let access):
      guard case .string("requestResource") = key else { return nil }
      return access.requestResource.map { .access($0) }
    default: return nil
    }
  }

  static func member(
    _ value: JSONValue, _ name: String, _ schema: StructuralSchema, isRoot: Bool
  ) -> CELValue {
    let child = schema.member(name)
    return CELValue(value, child, isRoot: child?.isEmbeddedResource ?? false)
  }

  /// The keys of a map or the names of an object's members.
  var keys: [CELValue]? {
    switch self {
    case .map(let entries): entries.keys.map(\.value)
    case .members(let members, _, _): members.keys.map { .string($0) }
    default: nil
    }
  }
}

/// A key of a map. Numbers that are equal are the same key, whatever their types.
enum CELKey: Hashable, Sendable {
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  case string(String)

  init?(_ value: CELValue) {
    switch value {
    case .bool(let flag): self = .bool(flag)
    case .int(let number): self = .int(number)
    case .uint(let number): self = Int64(exactly: number).map { .int($0) } ?? .uint(number)
    case .double(let number):
      guard let whole = Int64(exactly: number) else { return nil }
      self = .int(whole)
    case .string(let text): self = .string(text)
    default: return nil
    }
  }

  var value: CELValue {
    switch self {
    case .bool(let flag): .bool(flag)
    case .int(let number): .int(number)
    case .uint(let number): .uint(number)
    case .string(let text): .string(text)
    }
  }
}

extension StructuralSchema {
  /// What is said of a value of which nothing is known.
  static let anything = StructuralSchema(["x-kubernetes-preserve-unknown-fields": true])
}

extension CELValue {
  /// Whether two values are equal. Lists that are sets or maps are so in any order.
  static func isEqual(_ left: CELValue, _ right: CELValue) -> Bool {
    switch (left, right) {
    case (.null, .null): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.string(let a), .string(let b)): return a == b
    case (.bytes(let a), .bytes(let b)): return a == b
    case (.duration(let a), .duration(let b)): return a == b
    case (.timestamp(let a), .timestamp(let b)): return a == b
    case (.quantity(let a), .quantity(let b)): return a == b
    case (.ip(let a), .ip(let b)): return a == b
    case (.cidr(let a), .cidr(let b)): return a == b
    case (.url(let a), .url(let b)): return a == b
    case (.semver(let a), .semver(let b)): return a == b
    case (.format(let a), .format(let b)): return a == b
    case (.type(let a), .type(let b)): return a == b
    case (.optional(let a), .optional(let b)):
      guard let a, let b else { return a == nil && b == nil }
      return isEqual(a, b)
    case (.elements(let a, let schema), .elements(let b, _))
    where schema.listType == "set" || schema.listType == "map":
      return a.count == b.count && Set(a) == Set(b)
    case (.members(let a, _, _), .members(let b, _, _)): return a == b
    default: break
    }
    if let order = order(left, right) { return order == 0 }
    if let a = left.elements, let b = right.elements {
      return a.count == b.count && zip(a, b).allSatisfy { isEqual($0, $1) }
    }
    if let keys = left.keys, let others = right.keys {
      return keys.count == others.count
        && keys.allSatisfy { key in
          guard let a = left.member(key), let b = right.member(key) else { return false }
          return isEqual(a, b)
        }
    }
    return false
  }

  /// Negative, zero or positive; `nil` where the two can't be put in order.
  static func order(_ left: CELValue, _ right: CELValue) -> Int? {
    func compare<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a == b ? 0 : 1 }
    switch (left, right) {
    case (.bool(let a), .bool(let b)): return compare(a ? 1 : 0, b ? 1 : 0)
    case (.int(let a), .int(let b)): return compare(a, b)
    case (.uint(let a), .uint(let b)): return compare(a, b)
    case (.int(let a), .uint(let b)): return compare(Int128(a), Int128(b))
    case (.uint(let a), .int(let b)): return compare(Int128(a), Int128(b))
    case (.double(let a), .double(let b)): return a.isNaN || b.isNaN ? nil : compare(a, b)
    case (.double(let a), .int(let b)): return a.isNaN ? nil : compare(a, Double(b))
    case (.int(let a), .double(let b)): return b.isNaN ? nil : compare(Double(a), b)
    case (.double(let a), .uint(let b)): return a.isNaN ? nil : compare(a, Double(b))
    case (.uint(let a), .double(let b)): return b.isNaN ? nil : compare(Double(a), b)
    case (.string(let a), .string(let b)):
      return a == b ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
    case (.bytes(let a), .bytes(let b)):
      return a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1
    case (.duration(let a), .duration(let b)): return compare(a, b)
    case (.timestamp(let a), .timestamp(let b)): return compare(a, b)
    default: return nil
    }
  }
}
