import NIOCore
import Raft

/// Messages as bytes, part of `PeerFrame.protocolVersion`. Decoding checks every bound and
/// allocates nothing that the bytes don't hold.
enum PeerMessageCodec {
  private enum Kind: UInt8 {
    case propose = 1
    case refuse, recoveryQuery, recoveryAnswer, stateRequest, stateHash
    case preVote = 16
    case preVoteResponse, requestVote, voteResponse, append, appendResponse, heartbeat
    case heartbeatResponse, snapshot, readIndex, readIndexResponse, timeoutNow
  }

  static func encode(_ message: PeerMessage, into buffer: inout ByteBuffer) {
    switch message {
    case .propose(let payloads):
      buffer.writeKind(Kind.propose.rawValue)
      buffer.writeInteger(UInt32(payloads.count))
      for payload in payloads { buffer.writeBlock(payload) }
    case .refuse(let requestIDs, let reason):
      buffer.writeKind(Kind.refuse.rawValue)
      buffer.writeInteger(reason.rawValue)
      buffer.writeInteger(UInt32(requestIDs.count))
      for id in requestIDs { buffer.writeInteger(id) }
    case .recoveryQuery(let nonce):
      buffer.writeKind(Kind.recoveryQuery.rawValue)
      buffer.writeInteger(nonce)
    case .recoveryAnswer(let answer):
      buffer.writeKind(Kind.recoveryAnswer.rawValue)
      buffer.writeMultipleIntegers(
        answer.nonce, answer.standing.rawValue, answer.term, answer.lastIndex, answer.applied)
      buffer.writeBlock(answer.membership?.encoded ?? [])
    case .stateRequest(let atLeast):
      buffer.writeKind(Kind.stateRequest.rawValue)
      buffer.writeInteger(atLeast)
    case .stateHash(let index, let hash):
      buffer.writeKind(Kind.stateHash.rawValue)
      buffer.writeMultipleIntegers(index, hash)
    case .raft(let message): encode(message, into: &buffer)
    }
  }

  private static func encode(_ message: Message, into buffer: inout ByteBuffer) {
    func begin(_ kind: Kind) {
      buffer.writeMultipleIntegers(kind.rawValue, message.from, message.to, message.term)
    }
    switch message.body {
    case .preVote(let lastIndex, let lastTerm):
      begin(.preVote)
      buffer.writeMultipleIntegers(lastIndex, lastTerm)
    case .preVoteResponse(let granted):
      begin(.preVoteResponse)
      buffer.writeFlag(granted)
    case .requestVote(let lastIndex, let lastTerm, let transfer):
      begin(.requestVote)
      buffer.writeMultipleIntegers(lastIndex, lastTerm)
      buffer.writeFlag(transfer)
    case .voteResponse(let granted):
      begin(.voteResponse)
      buffer.writeFlag(granted)
    case .append(let previousIndex, let previousTerm, let entries, let commit):
      begin(.append)
      buffer.writeMultipleIntegers(previousIndex, previousTerm, commit, UInt32(entries.count))
      for entry in entries {
        buffer.writeMultipleIntegers(entry.term, entry.index, entry.kind.rawValue)
        buffer.writeBlock(entry.payload)
      }
    case .appendResponse(let rejected, let index, let hintIndex, let hintTerm):
      begin(.appendResponse)
      buffer.writeFlag(rejected)
      buffer.writeMultipleIntegers(index, hintIndex, hintTerm)
    case .heartbeat(let commit, let readContext):
      begin(.heartbeat)
      buffer.writeMultipleIntegers(commit, readContext)
    case .heartbeatResponse(let readContext):
      begin(.heartbeatResponse)
      buffer.writeInteger(readContext)
    case .snapshot(let index, let term):
      begin(.snapshot)
      buffer.writeMultipleIntegers(index, term)
    case .readIndex(let context):
      begin(.readIndex)
      buffer.writeInteger(context)
    case .readIndexResponse(let context, let index):
      begin(.readIndexResponse)
      buffer.writeMultipleIntegers(context, index)
    case .timeoutNow: begin(.timeoutNow)
    }
  }

  static func decode(_ buffer: inout ByteBuffer) throws(PeerFrameError) -> PeerMessage {
    let raw: UInt8 = try buffer.take()
    guard let kind = Kind(rawValue: raw) else {
      throw PeerFrameError("\(raw) is not a kind of message")
    }
    switch kind {
    case .propose:
      let count = try buffer.takeCount(elementBytes: 4)
      var payloads: [[UInt8]] = []
      payloads.reserveCapacity(count)
      for _ in 0..<count { payloads.append(try buffer.takeBlock()) }
      return .propose(payloads)
    case .refuse:
      let rawReason: UInt8 = try buffer.take()
      guard let reason = RefusalReason(rawValue: rawReason) else {
        throw PeerFrameError("\(rawReason) is not a reason to refuse")
      }
      let count = try buffer.takeCount(elementBytes: 8)
      var ids: [UInt64] = []
      ids.reserveCapacity(count)
      for _ in 0..<count { ids.append(try buffer.take()) }
      return .refuse(requestIDs: ids, reason: reason)
    case .recoveryQuery: return .recoveryQuery(nonce: try buffer.take())
    case .recoveryAnswer: return .recoveryAnswer(try recoveryAnswer(&buffer))
    case .stateRequest: return .stateRequest(atLeast: try buffer.takeNumber())
    case .stateHash:
      return .stateHash(index: try buffer.takeNumber(), hash: try buffer.take())
    default:
      let from: UInt64 = try buffer.take()
      let to: UInt64 = try buffer.take()
      let term = try buffer.takeNumber()
      return .raft(
        Message(from: from, to: to, term: term, body: try body(kind, &buffer)))
    }
  }

  private static func recoveryAnswer(
    _ buffer: inout ByteBuffer
  ) throws(PeerFrameError) -> RecoveryAnswer {
    let nonce: UInt64 = try buffer.take()
    let raw: UInt8 = try buffer.take()
    guard let standing = RecoveryAnswer.Standing(rawValue: raw) else {
      throw PeerFrameError("\(raw) is not a standing of a replica")
    }
    var answer = RecoveryAnswer(
      nonce: nonce, standing: standing, term: try buffer.takeNumber(),
      lastIndex: try buffer.takeNumber(), applied: try buffer.takeNumber())
    let membership = try buffer.takeBlock()
    if !membership.isEmpty {
      guard let decoded = Membership(encoded: membership) else {
        throw PeerFrameError("an answer holds \(membership.count) bytes that are no membership")
      }
      answer.membership = decoded
    }
    return answer
  }

  private static func body(
    _ kind: Kind, _ buffer: inout ByteBuffer
  ) throws(PeerFrameError) -> Message.Body {
    switch kind {
    case .preVote:
      return .preVote(lastIndex: try buffer.takeNumber(), lastTerm: try buffer.takeNumber())
    case .preVoteResponse: return .preVoteResponse(granted: try buffer.takeFlag())
    case .requestVote:
      return .requestVote(
        lastIndex: try buffer.takeNumber(), lastTerm: try buffer.takeNumber(),
        transfer: try buffer.takeFlag())
    case .voteResponse: return .voteResponse(granted: try buffer.takeFlag())
    case .append: return try append(&buffer)
    case .appendResponse:
      return .appendResponse(
        rejected: try buffer.takeFlag(), index: try buffer.takeNumber(),
        hintIndex: try buffer.takeNumber(), hintTerm: try buffer.takeNumber())
    case .heartbeat:
      return .heartbeat(commit: try buffer.takeNumber(), readContext: try buffer.take())
    case .heartbeatResponse: return .heartbeatResponse(readContext: try buffer.take())
    case .snapshot: return .snapshot(index: try buffer.takeNumber(), term: try buffer.takeNumber())
    case .readIndex: return .readIndex(context: try buffer.take())
    case .readIndexResponse:
      return .readIndexResponse(context: try buffer.take(), index: try buffer.takeNumber())
    case .timeoutNow: return .timeoutNow
    case .propose, .refuse, .recoveryQuery, .recoveryAnswer, .stateRequest, .stateHash:
      throw PeerFrameError("not a message of the consensus")
    }
  }

  private static func append(
    _ buffer: inout ByteBuffer
  ) throws(PeerFrameError) -> Message.Body {
    let previousIndex = try buffer.takeNumber()
    let previousTerm = try buffer.takeNumber()
    let commit = try buffer.takeNumber()
    let count = try buffer.takeCount(elementBytes: 21)
    var entries: [LogEntry] = []
    entries.reserveCapacity(count)
    for _ in 0..<count {
      let term = try buffer.takeNumber()
      let index = try buffer.takeNumber()
      let rawKind: UInt8 = try buffer.take()
      guard let kind = LogEntry.Kind(rawValue: rawKind) else {
        throw PeerFrameError("\(rawKind) is not a kind of log entry")
      }
      entries.append(
        LogEntry(term: term, index: index, kind: kind, payload: try buffer.takeBlock()))
    }
    return .append(
      previousIndex: previousIndex, previousTerm: previousTerm, entries: entries, commit: commit)
  }
}

extension ByteBuffer {
  fileprivate mutating func writeFlag(_ flag: Bool) { writeInteger(UInt8(flag ? 1 : 0)) }

  fileprivate mutating func takeFlag() throws(PeerFrameError) -> Bool {
    let raw: UInt8 = try take()
    guard raw <= 1 else { throw PeerFrameError("\(raw) is neither yes nor no") }
    return raw == 1
  }

  /// A term or an index: so far from the end of the range that counting on never overflows.
  fileprivate mutating func takeNumber() throws(PeerFrameError) -> UInt64 {
    let number: UInt64 = try take()
    guard number < 1 << 62 else { throw PeerFrameError("\(number) can't be a term or an index") }
    return number
  }

  /// A number of elements that each take at least `elementBytes`.
  fileprivate mutating func takeCount(elementBytes: Int) throws(PeerFrameError) -> Int {
    let count: UInt32 = try take()
    guard Int(count) <= readableBytes / elementBytes else {
      throw PeerFrameError("\(count) elements don't fit into the frame")
    }
    return Int(count)
  }
}
