/// A JSON value as a tree: the form in which objects are built and edited.
///
/// Reading whole objects that nobody edits goes over bytes instead; this tree is what patches,
/// admission and reconcilers work on. Integers that fit 64 bits stay exact; everything else
/// numeric is a double.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue {
  public var isNull: Bool { if case .null = self { true } else { false } }

  /// The type as Go's encoding/json calls it in errors.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .int, .double: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  public var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }

  public var intValue: Int64? {
    switch self {
    case .int(let value): value
    case .double(let value): Int64(exactly: value)
    default: nil
    }
  }

  public var doubleValue: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The member `key` of an object; `nil` where this is no object or lacks it.
  ///
  /// Setting turns a null into an object, and setting `nil` removes the member. Setting on any
  /// other kind of value does nothing.
  public subscript(key: String) -> JSONValue? {
    get { if case .object(let object) = self { object[key] } else { nil } }
    set {
      switch self {
      case .object(var object):
        self = .null  // The tree gives up its reference, so that the edit happens in place.
        object[key] = newValue
        self = .object(object)
      case .null:
        guard let newValue else { return }
        self = .object([key: newValue])
      default: break
      }
    }
  }

  /// The element at `index` of an array; `nil` where this is no array or is shorter.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let array) = self, array.indices.contains(index) else { return nil }
    return array[index]
  }

  /// The value at a path of object keys, e.g. `value.at("metadata", "name")`.
  public func at(_ path: String...) -> JSONValue? { at(path: path) }

  public func at(path: some Sequence<String>) -> JSONValue? {
    var current = self
    for key in path {
      guard let next = current[key] else { return nil }
      current = next
    }
    return current
  }

  /// Sets the value at a path of object keys, making the objects on the way; `nil` removes.
  public mutating func set(_ newValue: JSONValue?, at path: String...) {
    set(newValue, path: path[...])
  }

  public mutating func set(_ newValue: JSONValue?, path: ArraySlice<String>) {
    guard let first = path.first else {
      if let newValue { self = newValue }
      return
    }
    if path.count == 1 {
      self[first] = newValue
      return
    }
    switch self {
    case .object(var object):
      self = .null  // The tree gives up its reference, so that the edit happens in place.
      object.edit(first, makes: newValue != nil) { $0.set(newValue, path: path.dropFirst()) }
      self = .object(object)
    case .null:
      guard newValue != nil else { return }
      var child = JSONValue.object([:])
      child.set(newValue, path: path.dropFirst())
      self = .object([first: child])
    default: break
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringInterpolation
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(elements))
  }
  public init(_ value: Int) { self = .int(Int64(value)) }
}
