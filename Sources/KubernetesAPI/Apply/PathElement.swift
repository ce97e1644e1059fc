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
    let rest = String(text.dropFirst(2))
    switch text.prefix(2) {
    case "f:": self = .field(rest)
    case "k:":
      guard case .object(let object)? = try? JSONValue(parsing: rest) else { return nil }
      self = .key(object.map { KeyValue(name: $0, value: $1) }.sorted { $0.name < $1.name })
    case "v:":
      guard let value = try? JSONValue(parsing: rest) else { return nil }
      self = .value(value)
    case "i:":
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

  static func precedes(_ left: PathElement, _ right: PathElement) -> Bool {
    switch (left, right) {
    case (.index(let left), .index(let right)): left < right
    default: left.rank == right.rank ? left.encoded < right.encoded : left.rank < right.rank
    }
  }
}
