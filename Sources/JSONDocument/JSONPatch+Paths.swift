extension JSONPatch {
  private static func missing(_ token: String) -> PatchError {
    .notApplicable("the path has no member \(token)")
  }

  /// A position in an array of `count` elements; `insertion` allows the end, also as `-`.
  private static func position(_ token: String, count: Int, insertion: Bool)
    throws(PatchError) -> Int
  {
    if insertion, token == "-" { return count }
    guard var position = Int(token) else {
      throw .notApplicable("\(token) is no position in an array")
    }
    if position < 0 { position += insertion ? count + 1 : count }
    guard position >= 0, position < count || (insertion && position == count) else {
      throw .notApplicable("position \(token) is outside of the array")
    }
    return position
  }

  /// Nil where the last member is missing.
  static func value(at path: ArraySlice<String>, in document: JSONValue) throws(PatchError)
    -> JSONValue?
  {
    var current = document
    for index in path.indices {
      let token = path[index]
      switch current {
      case .object(let object):
        guard let next = object[token] else {
          if index == path.endIndex - 1 { return nil }
          throw missing(token)
        }
        current = next
      case .array(let array):
        current = array[try position(token, count: array.count, insertion: false)]
      default: throw missing(token)
      }
    }
    return current
  }

  /// Hands the container that holds the last token of `path` to `edit`.
  private static func edit(
    _ path: ArraySlice<String>, in document: inout JSONValue,
    _ edit: (inout JSONValue, String) throws(PatchError) -> Void
  ) throws(PatchError) {
    guard let token = path.first else { throw .notApplicable("the path is empty") }
    if path.count == 1 {
      try edit(&document, token)
      return
    }
    switch document {
    case .object(var object):
      guard var child = object[token] else { throw missing(token) }
      try self.edit(path.dropFirst(), in: &child, edit)
      object[token] = child
      document = .object(object)
    case .array(var array):
      let position = try position(token, count: array.count, insertion: false)
      try self.edit(path.dropFirst(), in: &array[position], edit)
      document = .array(array)
    default: throw missing(token)
    }
  }

  static func add(_ value: JSONValue, at path: ArraySlice<String>, in document: inout JSONValue)
    throws(PatchError)
  {
    if path.isEmpty {
      document = value
      return
    }
    try edit(path, in: &document) { (container, token) throws(PatchError) in
      switch container {
      case .object: container[token] = value
      case .array(var array):
        array.insert(value, at: try position(token, count: array.count, insertion: true))
        container = .array(array)
      default: throw missing(token)
      }
    }
  }

  static func replace(
    with value: JSONValue, at path: ArraySlice<String>, in document: inout JSONValue
  ) throws(PatchError) {
    try edit(path, in: &document) { (container, token) throws(PatchError) in
      switch container {
      case .object: container[token] = value
      case .array(var array):
        array[try position(token, count: array.count, insertion: false)] = value
        container = .array(array)
      default: throw missing(token)
      }
    }
  }

  static func remove(at path: ArraySlice<String>, in document: inout JSONValue)
    throws(PatchError) -> JSONValue
  {
    var removed: JSONValue?
    try edit(path, in: &document) { (container, token) throws(PatchError) in
      switch container {
      case .object(var object):
        guard let value = object[token] else { throw missing(token) }
        removed = value
        object[token] = nil
        container = .object(object)
      case .array(var array):
        removed = array.remove(at: try position(token, count: array.count, insertion: false))
        container = .array(array)
      default: throw missing(token)
      }
    }
    return removed ?? .null
  }
}
