import EventStore
import Keyspace
import Raft

/// Changed bytes from a peer: frames, the messages in them, transactions and memberships that they
/// carry, and what a replica makes of all that.
struct PeerFuzz: FuzzTarget {
  let name = "peer"
  private let frames: [[UInt8]]
  private static let lives = 200

  init() {
    func raft(_ body: Message.Body) -> PeerMessage {
      .raft(Message(from: 2, to: 1, term: 3, body: body))
    }
    let entries = [
      LogEntry(term: 2, index: 1, kind: .empty, payload: []),
      LogEntry(
        term: 3, index: 2, kind: .command,
        payload: TransactionCodec.encode(LogFuzz.transaction(4, bytes: 30))),
      LogEntry(
        term: 3, index: 3, kind: .membership, payload: Membership(voters: [1, 2, 3]).encoded),
    ]
    let messages: [PeerMessage] = [
      raft(.append(previousIndex: 0, previousTerm: 0, entries: entries, commit: 2)),
      raft(.preVote(lastIndex: 9, lastTerm: 3)), raft(.preVoteResponse(granted: true)),
      raft(.requestVote(lastIndex: 9, lastTerm: 3, transfer: true)),
      raft(.voteResponse(granted: true)), raft(.heartbeat(commit: 1, readContext: 1)),
      raft(.appendResponse(rejected: true, index: 2, hintIndex: 1, hintTerm: 2)),
      raft(.heartbeatResponse(readContext: 1)), raft(.snapshot(index: 10, term: 2)),
      raft(.readIndex(context: 4)), raft(.readIndexResponse(context: 4, index: 2)),
      raft(.timeoutNow), .propose([TransactionCodec.encode(LogFuzz.transaction(5, bytes: 30))]),
      .refuse(requestIDs: [4, 5], reason: .noSpace), .recoveryQuery(nonce: 5),
      .recoveryAnswer(
        RecoveryAnswer(
          nonce: 5, standing: .leader, term: 3, lastIndex: 4, applied: 4,
          membership: Membership(voters: [1, 2, 3]))),
      .stateRequest(atLeast: 3), .stateHash(index: 2, hash: 7),
    ]
    frames =
      StoreDecoders.frames(messages: messages)
      + messages.flatMap { StoreDecoders.frames(messages: [$0]).filter { $0.count > 5 } }
  }

  func run(_ mutator: inout ByteMutator) throws {
    var core = Self.core(seed: mutator.random.next())
    if mutator.random.next(below: 2) == 0 { core.campaign() }
    for _ in 0...mutator.random.next(below: 4) {
      // After a first right one larger frames are taken.
      var bytes = mutator.random.pick(frames)
      bytes += mutator.changed(mutator.random.pick(frames), splicing: frames)
      let messages = StoreDecoders.readFrames(bytes, reseals: mutator.random.next(below: 2) == 0)
      for message in messages {
        core.receive(message, from: 2 + ReplicaID(mutator.random.next(below: 2)))
        if case .propose(let payloads) = message {
          for payload in payloads { _ = try? TransactionCodec.decode(payload) }
        }
        if mutator.random.next(below: 4) == 0 { core.tick() }
        Self.perform(&core)
      }
    }
  }

  private static func core(seed: UInt64) -> ReplicaCore {
    ReplicaCore(
      configuration: .init(
        raft: RaftConfiguration(
          id: 1, peers: [1, 2, 3], maximumLogBytes: 4_000, maximumUnappliedBytes: 1_000, seed: seed
        ),
        seed: seed, recordsMembership: true),
      hardState: HardState(), snapshotIndex: 0, snapshotTerm: 0, entries: [], applied: 0,
      appliedTerm: 0, keyspace: KeyspaceState())
  }

  /// As the shell does, with a disk that is never late.
  private static func perform(_ core: inout ReplicaCore) {
    for _ in 0..<lives {
      let actions = core.takeActions()
      if actions.isEmpty { return }
      if let last = actions.persist?.entries.last {
        core.persisted(index: last.index, term: last.term)
      }
    }
  }
}
