import Synchronization

/// The text of trees that are written again and again, such as the specification that the pods of one
/// template share.
///
/// A tree is known by its identity, and held while its text is kept, so that nothing else can have that
/// identity and nobody can change the tree. Only what comes a second time is kept.
public final class SerializedTrees: Sendable {
  private struct Slot {
    let tree: JSONObject
    let bytes: [UInt8]
  }

  private struct State {
    /// By the low bits of the hash of the identity.
    var slots: [Slot?]
    /// Hashes of identities that came once. That of a tree which is gone may be another's by now, which
    /// then is kept too soon, and no more.
    var seen: [UInt64]
    var bytes = 0
  }

  private let maximumBytes: Int
  private let state: Mutex<State>

  /// Below this it is as quickly written, and above it would take the room of many others.
  static let usefulBytes = 64...16_384
  private static let slotCount = 128
  private static let seenCount = 512

  /// - Parameter maximumBytes: of the texts that are kept; their trees take about ten times as much.
  public init(maximumBytes: Int = 128 * 1024) {
    self.maximumBytes = maximumBytes
    state = Mutex(
      State(
        slots: Array(repeating: nil, count: Self.slotCount),
        seen: Array(repeating: 0, count: Self.seenCount)))
  }

  /// Of the texts that are kept.
  var keptBytes: Int { state.withLock { $0.bytes } }

  /// Appends the text of a value, and keeps it if it is an object that was written before.
  public func serialize(_ value: JSONValue, into output: inout [UInt8]) {
    guard case .object(let tree) = value, let identity = tree.identity else {
      return value.serialize(into: &output)
    }
    let hash = Self.hash(identity)
    let place = Int(hash % UInt64(Self.slotCount))
    let isKept = state.withLock { state in
      guard let slot = state.slots[place], slot.tree.identity == identity else { return false }
      output.append(contentsOf: slot.bytes)
      return true
    }
    guard !isKept else { return }
    let start = output.count
    value.serialize(into: &output)
    guard Self.usefulBytes.contains(output.count - start) else { return }
    state.withLock { state in
      let memory = Int(hash >> 8) % Self.seenCount
      guard state.seen[memory] == hash else {
        state.seen[memory] = hash
        return
      }
      let after = state.bytes - (state.slots[place]?.bytes.count ?? 0) + output.count - start
      guard after <= maximumBytes else {
        // What nobody asks for any more makes room in time.
        state.slots[Int(hash >> 20) % Self.slotCount].take().map { state.bytes -= $0.bytes.count }
        return
      }
      state.slots[place] = Slot(tree: tree, bytes: Array(output[start...]))
      state.bytes = after
    }
  }

  /// The fractional part of the golden ratio, as in Knuth's multiplicative hashing, without the lowest bits:
  /// few bits of an address have worked on those.
  private static func hash(_ identity: ObjectIdentifier) -> UInt64 {
    UInt64(UInt(bitPattern: identity)) &* 0x9E37_79B9_7F4A_7C15 >> 20
  }
}
