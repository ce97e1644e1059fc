/// Which protobuf number of a message is which field of its type.
struct ProtobufLayout: Sendable {
  enum Member: Sendable {
    /// The position in `TypeInfo.fields`.
    case field(Int)
    /// A message whose fields JSON writes among those of the type itself.
    case embedded(ProtobufLayout)
  }

  private(set) var members: [Int: Member] = [:]

  mutating func insert(_ position: Int, at path: ArraySlice<Int>) {
    guard let number = path.first else { return }
    guard path.count > 1 else {
      members[number] = .field(position)
      return
    }
    var inner = ProtobufLayout()
    if case .embedded(let layout) = members[number] { inner = layout }
    inner.insert(position, at: path.dropFirst())
    members[number] = .embedded(inner)
  }
}
