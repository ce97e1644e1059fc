import JSONDocument

extension JSONValue {
  /// The strings in the list under a name; empty where there is none.
  func texts(_ name: String) -> [String] {
    (self[name]?.arrayValue ?? []).compactMap(\.stringValue)
  }
}
