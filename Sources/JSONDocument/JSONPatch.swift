/// JSON patch, RFC 6902, with the leniency of the library that kube-apiserver uses: a missing
/// member reads as null in `test`, `replace` and `copy`, and negative array positions count from
/// the end.
public enum JSONPatch {
  /// What upstream allows in one patch.
  public static let maximumOperations = 10_000

  struct Operation {
    var name: String
    var path: JSONPointer
    var from: JSONPointer?
    var value: JSONValue
  }

  /// Applies every operation in order, or none.
  public static func apply(_ patch: JSONValue, to document: JSONValue) throws(PatchError)
    -> JSONValue
  {
    var result = document
    for operation in try parse(patch) { try perform(operation, on: &result) }
    return result
  }

  static func parse(_ patch: JSONValue) throws(PatchError) -> [Operation] {
    guard case .array(let items) = patch else {
      throw .malformed(
        "error decoding patch: json: cannot unmarshal \(patch.typeName) into Go value of type "
          + "[]handlers.jsonPatchOp")
    }
    guard items.count <= maximumOperations else {
      throw .tooLarge(
        "Request entity too large: The allowed maximum operations in a JSON patch is "
          + "\(maximumOperations), got \(items.count)")
    }
    var operations: [Operation] = []
    operations.reserveCapacity(items.count)
    for item in items {
      guard case .object(let members) = item else {
        throw .malformed(
          "error decoding patch: json: cannot unmarshal \(item.typeName) into Go value of type "
            + "handlers.jsonPatchOp")
      }
      guard let path = members["path"]?.stringValue.flatMap(JSONPointer.init(parsing:)) else {
        throw .notApplicable("an operation of the patch lacks a valid path")
      }
      var from: JSONPointer?
      if let text = members["from"]?.stringValue {
        guard let pointer = JSONPointer(parsing: text) else {
          throw .notApplicable("\(text) is no JSON pointer")
        }
        from = pointer
      }
      operations.append(
        Operation(
          name: members["op"]?.stringValue ?? "", path: path, from: from,
          value: members["value"] ?? .null))
    }
    return operations
  }

  static func perform(_ operation: Operation, on document: inout JSONValue) throws(PatchError) {
    let path = operation.path.tokens[...]
    switch operation.name {
    case "add": try add(operation.value, at: path, in: &document)
    case "remove": _ = try remove(at: path, in: &document)
    case "replace":
      if path.isEmpty {
        document = operation.value
      } else {
        try replace(with: operation.value, at: path, in: &document)
      }
    case "test":
      let found = try value(at: path, in: document) ?? .null
      guard equal(found, operation.value) else {
        throw .testFailed("testing path /\(path.joined(separator: "/")) failed")
      }
    case "move":
      guard let from = operation.from?.tokens[...] else {
        throw .notApplicable("a move operation needs 'from'")
      }
      let moved = try remove(at: from, in: &document)
      try add(moved, at: path, in: &document)
    case "copy":
      guard let from = operation.from?.tokens[...] else {
        throw .notApplicable("a copy operation needs 'from'")
      }
      try add(try value(at: from, in: document) ?? .null, at: path, in: &document)
    default: throw .notApplicable("unexpected kind of operation: \(operation.name)")
    }
  }

  /// Numbers compare by value, so that 1 equals 1.0.
  private static func equal(_ left: JSONValue, _ right: JSONValue) -> Bool {
    if left == right { return true }
    if let left = left.doubleValue, let right = right.doubleValue { return left == right }
    return false
  }
}
