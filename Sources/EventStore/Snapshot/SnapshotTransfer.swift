import Raft

/// Which state a stream carries: two streams with the same identity carry the same bytes, so that
/// one goes on where the other was interrupted.
struct SnapshotIdentity: Sendable, Hashable {
  /// The log entry whose state it is.
  var index: LogIndex
  var term: Term
  var byteCount: UInt64
  /// CRC-32C of all bytes.
  var checksum: UInt32

  /// One line for a file beside the state.
  var text: String { "\(index) \(term) \(byteCount) \(checksum)\n" }

  init(index: LogIndex, term: Term, byteCount: UInt64, checksum: UInt32) {
    self.index = index
    self.term = term
    self.byteCount = byteCount
    self.checksum = checksum
  }

  /// What `text` wrote; `nil` for anything else.
  init?(text: String) {
    let parts = text.split(whereSeparator: \.isWhitespace)
    guard parts.count == 4, let index = UInt64(parts[0]), let term = UInt64(parts[1]),
      let byteCount = UInt64(parts[2]), let checksum = UInt32(parts[3])
    else { return nil }
    self.init(index: index, term: term, byteCount: byteCount, checksum: checksum)
  }
}

/// The sending side of one streamed state: what to do next, given what the peer has said.
///
/// The peer tells what it has from an interrupted stream, and a checksum of that; where the sender
/// has the same bytes, it goes on after them. Never more than `windowBytes` are on their way:
/// the peer acknowledges what it has written.
struct OutgoingTransfer: Sendable, Hashable {
  enum Action: Sendable, Hashable {
    /// Compare the checksum of the first bytes with the peer's; `verified` tells the result.
    case verify(count: UInt64, checksum: UInt32)
    /// Tell the peer where the stream begins.
    case begin(offset: UInt64)
    case send(offset: UInt64, count: Int)
    case end
    case finish(problem: String)
  }

  private enum Stage: Sendable, Hashable {
    case awaitsResume
    case verifies(count: UInt64, checksum: UInt32)
    case awaitsVerification(count: UInt64)
    case begins
    case sends
    case awaitsResult
    case finished(problem: String)
  }

  static let windowBytes: UInt64 = 4 << 20

  let byteCount: UInt64
  /// What the peer had already.
  private(set) var resumedAt: UInt64 = 0
  /// What the peer has written.
  private(set) var taken: UInt64 = 0
  private var sent: UInt64 = 0
  private var stage = Stage.awaitsResume

  init(byteCount: UInt64) { self.byteCount = byteCount }

  /// Whether everything is sent, and the peer installs it.
  var awaitsResult: Bool { stage == .awaitsResult }

  /// The peer has the first `offset` bytes of a state of this identity.
  mutating func peerHas(_ offset: UInt64, checksum: UInt32) {
    guard stage == .awaitsResume else { return fail("the peer asks twice where to begin") }
    stage =
      offset > 0 && offset <= byteCount
      ? .verifies(count: offset, checksum: checksum) : .begins
  }

  mutating func verified(_ isEqual: Bool) {
    guard case .awaitsVerification(let count) = stage else { return }
    if isEqual { (resumedAt, taken, sent) = (count, count, count) }
    stage = .begins
  }

  /// The peer has written the first `offset` bytes.
  mutating func peerTook(_ offset: UInt64) {
    guard offset >= taken, offset <= sent else {
      return fail("the peer acknowledges \(offset) of \(sent) bytes that were sent")
    }
    taken = offset
  }

  /// The peer has installed it, or says why not.
  mutating func answered(_ problem: String) { stage = .finished(problem: problem) }

  private mutating func fail(_ problem: String) { stage = .finished(problem: problem) }

  /// What to do now; `nil`: wait for the peer.
  mutating func next() -> Action? {
    switch stage {
    case .awaitsResume, .awaitsVerification, .awaitsResult: return nil
    case .verifies(let count, let checksum):
      stage = .awaitsVerification(count: count)
      return .verify(count: count, checksum: checksum)
    case .begins:
      stage = .sends
      return .begin(offset: resumedAt)
    case .sends where sent == byteCount:
      stage = .awaitsResult
      return .end
    case .sends:
      let count = min(UInt64(SnapshotBlock.maximumBytes), byteCount - sent)
      guard sent - taken + count <= Self.windowBytes else { return nil }
      defer { sent += count }
      return .send(offset: sent, count: Int(count))
    case .finished(let problem): return .finish(problem: problem)
    }
  }
}

/// The receiving side of one streamed state.
struct IncomingTransfer: Sendable, Hashable {
  struct Problem: Error, Hashable { var reason: String }

  let identity: SnapshotIdentity
  /// Bytes that are written, and their checksum.
  private(set) var received: UInt64
  private(set) var checksum: UInt32
  private var hasBegun = false

  /// - Parameters:
  ///   - present: bytes of a state of this identity that lie here from an interrupted stream.
  init(identity: SnapshotIdentity, present: UInt64, checksum: UInt32) {
    self.identity = identity
    received = min(present, identity.byteCount)
    self.checksum = checksum
  }

  /// The sender begins at `offset`: after what is here, or from the start again. True in the
  /// second case: what is here must go.
  mutating func begin(at offset: UInt64) throws(Problem) -> Bool {
    guard !hasBegun else { throw Problem(reason: "the stream begins twice") }
    guard offset == received || offset == 0 else {
      throw Problem(reason: "the stream begins at \(offset), but \(received) bytes are here")
    }
    hasBegun = true
    guard offset != received else { return false }
    (received, checksum) = (0, 0)
    return true
  }

  /// The next bytes, `checksum` being that of all up to their end.
  mutating func take(_ count: Int, checksum: UInt32) throws(Problem) {
    guard hasBegun else { throw Problem(reason: "a block before the stream begins") }
    guard UInt64(count) <= identity.byteCount - received else {
      throw Problem(reason: "more bytes than the \(identity.byteCount) announced")
    }
    received += UInt64(count)
    self.checksum = checksum
  }

  /// The sender has sent everything.
  func end() throws(Problem) {
    guard hasBegun, received == identity.byteCount else {
      throw Problem(reason: "the state ends after \(received) of \(identity.byteCount) bytes")
    }
    guard checksum == identity.checksum else {
      throw Problem(reason: "the state's checksum is not the one announced")
    }
  }
}
