import JSONDocument

extension CELValue {
  /// The value as JSON has it; `nil` for what JSON has no form for.
  var json: JSONValue? {
    switch self {
    case .null: return .null
    case .bool(let flag): return .bool(flag)
    case .int(let number): return .int(number)
    case .uint(let number):
      return Int64(exactly: number).map { .int($0) } ?? .double(Double(number))
    case .double(let number): return number.isFinite ? .double(number) : nil
    case .string(let text): return .string(text)
    case .bytes(let bytes): return .string(Base64.encode(bytes))
    case .duration, .timestamp, .quantity, .ip, .cidr, .url, .semver:
      return .string(CELEvaluator.text(self))
    case .elements(let values, _): return .array(values)
    case .members(let members, _, _): return .object(members)
    case .list(let values):
      var items: [JSONValue] = []
      for value in values {
        guard let item = value.json else { return nil }
        items.append(item)
      }
      return .array(items)
    case .map(let entries):
      var members = JSONObject()
      // In the order of their names, whatever the order in memory.
      let named = entries.compactMap { entry -> (name: String, value: CELValue)? in
        guard case .string(let name) = entry.key else { return nil }
        return (name, entry.value)
      }
      guard named.count == entries.count else { return nil }
      for (name, value) in named.sorted(by: { $0.name < $1.name }) {
        guard let member = value.json else { return nil }
        members[name] = member
      }
      return .object(members)
    case .optional(let inner): return inner.flatMap(\.json)
    case .format, .access, .accessAnswer, .type: return nil
    }
  }
}
