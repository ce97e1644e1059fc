import JSONDocument

/// One step of a path to a field (structured-merge-diff, KEP-555).
enum PathElement: Sendable, Hashable {
  /// A member of an object.
  case field(String)
  /// The element of a list whose members have these values; names in order.
  case key([KeyValue])
  /// The element of a set that has this value.
  case value(JSONValue)
  /// The element of a list at this place.
  case index(Int)

  struct KeyValue: Sendable, Hashable {
    var name: String
    var value: JSONValue
  }

  /// As `managedFields` writes it, e.g. `f:spec`, `k:{"name":"web"}`, `v:"a"`.
  var encoded: String {
    switch self {
    case .field(let name): "f:" + name
    case .key(let pairs): "k:" + Self.object(pairs).text
    case .value(let value): "v:" + value.text
    case .index(let index): "i:\(index)"
    }
  }

  /// - Returns: nil where the text is no element.
  init?(encoded text: String) {
    let bytes = text.utf8
    guard let first = bytes.first, bytes.count >= 2 else { return nil }
    let colon = bytes.index(after: bytes.startIndex)
    guard bytes[colon] == UInt8(ascii: ":") else { return nil }
    let rest = String(text[bytes.index(after: colon)...])
    switch first {
    case UInt8(ascii: "f"): self = .field(rest)
    case UInt8(ascii: "k"):
      guard case .object(let object)? = try? JSONValue(parsing: rest) else { return nil }
      self = .key(object.map { KeyValue(name: $0, value: $1) }.sorted { $0.name < $1.name })
    case UInt8(ascii: "v"):
      guard let value = try? JSONValue(parsing: rest) else { return nil }
      self = .value(value)
    case UInt8(ascii: "i"):
      guard let index = Int(rest) else { return nil }
      self = .index(index)
    default: return nil
    }
  }

  private static func object(_ pairs: [KeyValue]) -> JSONValue {
    .object(JSONObject(pairs.map { ($0.name, $0.value) }))
  }

  /// As messages about conflicts write it, e.g. `.spec`, `[name="web"]`.
  var display: String {
    switch self {
    case .field(let name): "." + name
    case .key(let pairs):
      "[" + pairs.map { "\($0.name)=\($0.value.text)" }.joined(separator: ",") + "]"
    case .value(let value): "[=\(value.text)]"
    case .index(let index): "[\(index)]"
    }
  }

  private var rank: Int {
    switch self {
    case .field: 0
    case .key: 1
    case .value: 2
    case .index: 3
    }
  }

  /// Negative where `left` comes first, 0 where both are one: the order in which structured-merge-diff
  /// keeps and writes them.
  static func order(_ left: PathElement, _ right: PathElement) -> Int {
    switch (left, right) {
    case (.field(let left), .field(let right)): left == right ? 0 : left < right ? -1 : 1
    case (.key(let left), .key(let right)): order(left, right)
    case (.value(let left), .value(let right)): JSONOrder.compare(left, right)
    case (.index(let left), .index(let right)): left == right ? 0 : left < right ? -1 : 1
    default: left.rank < right.rank ? -1 : 1
    }
  }

  private static func order(_ left: [KeyValue], _ right: [KeyValue]) -> Int {
    for (left, right) in zip(left, right) {
      if left.name != right.name { return left.name < right.name ? -1 : 1 }
      let order = JSONOrder.compare(left.value, right.value)
      if order != 0 { return order }
    }
    return left.count == right.count ? 0 : left.count < right.count ? -1 : 1
  }
}
