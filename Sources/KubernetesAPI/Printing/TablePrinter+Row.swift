import JSONDocument

extension TablePrinter {
  /// One object on its way to cells.
  struct Row: Sendable {
    let object: JSONValue
    let now: Timestamp

    init(_ object: JSONValue, now: Timestamp) {
      self.object = object
      self.now = now
    }

    func string(_ path: String...) -> String { object.at(path: path)?.stringValue ?? "" }
    func int(_ path: String...) -> Int64 { object.at(path: path)?.intValue ?? 0 }
    func list(_ path: String...) -> [JSONValue] { object.at(path: path)?.arrayValue ?? [] }
    func count(_ path: String...) -> Int64 {
      switch object.at(path: path) {
      case .object(let members): Int64(members.count)
      case .array(let elements): Int64(elements.count)
      default: 0
      }
    }

    var name: String { string("metadata", "name") }
    var created: String { string("metadata", "creationTimestamp") }
    var age: String { age(created) }
    var isBeingDeleted: Bool { object.at("metadata", "deletionTimestamp")?.stringValue != nil }

    /// How long ago a time was; `<unknown>` for none.
    func age(_ time: String) -> String {
      HumanDuration.age(of: Timestamp(parsing: time), now: now)
    }

    func condition(_ type: String) -> JSONValue? {
      list("status", "conditions").first { $0["type"]?.stringValue == type }
    }

    /// Containers of a pod template: their names and images.
    func containers(_ path: String...) -> (names: JSONValue, images: JSONValue) {
      let containers = object.at(path: path)?["spec"]?["containers"]?.arrayValue ?? []
      let names = containers.map { $0["name"]?.stringValue ?? "" }
      let images = containers.map { $0["image"]?.stringValue ?? "" }
      return (
        .string(names.joined(separator: ",")), .string(images.joined(separator: ","))
      )
    }

    /// A `LabelSelector` as text; `<none>` where it is empty.
    func selector(_ path: String...) -> JSONValue {
      guard let value = object.at(path: path) else { return "<none>" }
      let text = LabelSelector(object: value).description
      return .string(text.isEmpty ? "<none>" : text)
    }

    /// A map of labels as text.
    func labels(_ path: String...) -> JSONValue {
      guard case .object(let labels) = object.at(path: path), !labels.isEmpty else {
        return "<none>"
      }
      return .string(
        labels.sorted { $0.0 < $1.0 }.map { "\($0.0)=\($0.1.stringValue ?? "")" }
          .joined(separator: ","))
    }
  }

  static func orNone(_ text: String) -> JSONValue { .string(text.isEmpty ? "<none>" : text) }

  /// At most three of a list, and how many more there are.
  static func few(_ items: [String], empty: String) -> JSONValue {
    if items.isEmpty { return .string(empty) }
    let shown = items.prefix(3).joined(separator: ",")
    return .string(items.count > 3 ? "\(shown) + \(items.count - 3) more..." : shown)
  }

  /// Access modes in their short forms, each once, in upstream's order.
  static func accessModes(_ modes: [JSONValue]) -> JSONValue {
    let short = [
      ("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"),
      ("ReadWriteOncePod", "RWOP"),
    ]
    return .string(
      short.filter { mode in modes.contains { $0.stringValue == mode.0 } }.map(\.1)
        .joined(separator: ","))
  }
}
