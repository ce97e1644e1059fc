import JSONDocument

/// The order of JSON values that structured-merge-diff uses: numbers by value, then text, then
/// booleans, lists, objects and null.
enum JSONOrder {
  /// Negative where `left` comes first, 0 where the two are equal.
  static func compare(_ left: JSONValue, _ right: JSONValue) -> Int {
    switch (left, right) {
    case (.int(let left), .int(let right)): return order(left, right)
    case (.string(let left), .string(let right)): return order(left, right)
    case (.bool(let left), .bool(let right)): return order(left ? 1 : 0, right ? 1 : 0)
    case (.double(let left), .double(let right)): return order(left, right)
    case (.int(let left), .double(let right)):
      // Values that are equal as numbers are not equal as JSON: the integer comes first.
      return Double(left) <= right ? -1 : 1
    case (.double(let left), .int(let right)): return Double(right) <= left ? 1 : -1
    case (.array(let left), .array(let right)): return compare(left, right)
    case (.object(let left), .object(let right)): return compare(left, right)
    default: return order(rank(left), rank(right))
    }
  }

  private static func rank(_ value: JSONValue) -> Int {
    switch value {
    case .int, .double: 0
    case .string: 1
    case .bool: 2
    case .array: 3
    case .object: 4
    case .null: 5
    }
  }

  private static func order<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
    left == right ? 0 : left < right ? -1 : 1
  }

  private static func compare(_ left: [JSONValue], _ right: [JSONValue]) -> Int {
    for (left, right) in zip(left, right) {
      let order = compare(left, right)
      if order != 0 { return order }
    }
    return order(left.count, right.count)
  }

  private static func compare(_ left: JSONObject, _ right: JSONObject) -> Int {
    let lefts = left.sorted { $0.0 < $1.0 }
    let rights = right.sorted { $0.0 < $1.0 }
    for (left, right) in zip(lefts, rights) {
      if left.0 != right.0 { return order(left.0, right.0) }
      let order = compare(left.1, right.1)
      if order != 0 { return order }
    }
    return order(lefts.count, rights.count)
  }
}
