import Synchronization

/// Trees of large members that come again and again with the very same bytes: the specification of pods
/// that one controller makes, or who set which of their fields.
///
/// A parser that meets such bytes once more takes the tree that they gave before, which then is shared, instead
/// of building another one. Only what comes a second time is kept, so that documents that are all different
/// cost a look at their bytes and no memory.
public final class SubtreeCache: Sendable {
  /// Which members are looked for.
  public struct Place: Sendable {
    var name: String
    var depth: Int

    /// - Parameter depth: of the object that has the member; that of the document itself is 1.
    public init(_ name: String, depth: Int) {
      self.name = name
      self.depth = depth
    }
  }

  private struct Slot {
    var hash: UInt64
    var bytes: [UInt8]
    var tree: JSONValue
  }

  private struct State {
    /// By the low bits of the hash.
    var slots: [Slot?]
    /// Hashes of what came once.
    var seen: [UInt64]
    var bytes = 0
  }

  private let places: [Place]
  private let maximumBytes: Int
  private let seed: UInt64
  private let state: Mutex<State>

  /// Below this a tree is as quickly built, and above it would take the room of many others.
  static let usefulBytes = 64...16_384
  private static let slotCount = 128
  private static let seenCount = 512

  /// - Parameters:
  ///   - seed: of the hash by which texts are found, so that nobody can choose texts that drive out each
  ///     other. Nothing that is parsed depends on it.
  ///   - maximumBytes: of the texts that are kept; their trees take about ten times as much.
  public init(_ places: [Place], seed: UInt64, maximumBytes: Int = 128 * 1024) {
    self.places = places
    self.seed = seed
    self.maximumBytes = maximumBytes
    state = Mutex(
      State(
        slots: Array(repeating: nil, count: Self.slotCount),
        seen: Array(repeating: 0, count: Self.seenCount)))
  }

  /// Of the texts that are kept.
  var keptBytes: Int { state.withLock { $0.bytes } }

  func concerns(_ name: String, depth: Int) -> Bool {
    for place in places where place.depth == depth && place.name == name { return true }
    return false
  }

  /// Of eight bytes at a time, multiplied and folded; two texts of one hash are told apart by their
  /// bytes.
  func hash(of bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let raw = UnsafeRawBufferPointer(bytes)
    var hash = seed ^ UInt64(truncatingIfNeeded: raw.count)
    func mix(_ word: UInt64) {
      // The fractional part of the golden ratio, as in Knuth's multiplicative hashing.
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 32
    }
    var offset = 0
    while offset + 8 <= raw.count {
      mix(raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < raw.count {
      rest = rest << 8 | UInt64(raw[offset])
      offset += 1
    }
    mix(rest)
    return hash
  }

  /// The tree of the same bytes.
  func tree(of bytes: UnsafeBufferPointer<UInt8>, hash: UInt64) -> JSONValue? {
    state.withLock { state in
      guard let slot = state.slots[Int(hash % UInt64(Self.slotCount))], slot.hash == hash,
        slot.bytes.elementsEqual(bytes)
      else { return nil }
      return slot.tree
    }
  }

  /// Keeps a tree if its bytes were seen before.
  ///
  /// - Returns: whether it is kept.
  func offer(_ tree: JSONValue, of bytes: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Bool {
    state.withLock { state in
      let memory = Int(hash >> 32) % Self.seenCount
      guard state.seen[memory] == hash else {
        state.seen[memory] = hash
        return false
      }
      let place = Int(hash % UInt64(Self.slotCount))
      let before = state.slots[place]?.bytes.count ?? 0
      let after = state.bytes - before + bytes.count
      guard after <= maximumBytes else {
        // What nobody asks for any more makes room in time.
        state.slots[Int(hash >> 16) % Self.slotCount].take().map { state.bytes -= $0.bytes.count }
        return false
      }
      state.slots[place] = Slot(hash: hash, bytes: Array(bytes), tree: tree)
      state.bytes = after
      return true
    }
  }
}

extension JSONParser {
  /// The value of a member that others may have with the same bytes.
  mutating func parseShared(_ cache: SubtreeCache) throws(JSONError) -> JSONValue {
    var scan = JSONScan.Cursor(bytes: bytes, position: position)
    guard scan.skipValue(), SubtreeCache.usefulBytes.contains(scan.position - position) else {
      return try parseValue()
    }
    let text = UnsafeBufferPointer(rebasing: bytes[position..<scan.position])
    let hash = cache.hash(of: text)
    if let tree = cache.tree(of: text, hash: hash) {
      position = scan.position
      isSharing = true
      return tree
    }
    let hadDuplicates = hasDuplicates
    hasDuplicates = false
    defer { hasDuplicates = hasDuplicates || hadDuplicates }
    let tree = try parseValue()
    // The scan is laxer than the parser: they must agree on where the value ends.
    if !hasDuplicates, position == scan.position, cache.offer(tree, of: text, hash: hash) {
      isSharing = true
    }
    return tree
  }
}
