import Raft

/// How a replica that has lost part of its data comes to take part again.
///
/// What it acknowledged before must still count: a leader may have committed entries, or have been
/// elected, on its word. So until it has again at least what it had, it neither votes nor
/// acknowledges, as if it were down (compare "Protocol-Aware Recovery for Consensus-Based
/// Storage", Alagappan and others, FAST 2018). It asks its peers, and waits until
///
/// - a leader of term T has answered, and with it a majority of all replicas, this one not
///   counted, said that they are in term T. Each of them said so after this replica had come
///   back. Whoever leads a later term on this replica's former vote needed one of them too, and
///   would have moved its term. So this leader's log has every entry that was committed with this
///   replica's help; and all that this replica ever acknowledged *to it* is not beyond the end
///   of that log.
/// - where the vote is lost too: every peer has answered, none with a later term than T. A
///   candidate puts its term on disk before it asks for votes; so there is none to whom this
///   replica's vote could still be on its way.
///
/// Then it takes the leader's state as of an entry not before the end of that log, and starts
/// with term T and a vote for that leader. A replica whose log is whole, and that lacks only the
/// state before its beginning, takes that from any peer: its acknowledgements and its vote are
/// intact.
///
/// A plain value: answers go in, messages and a decision come out.
public struct ReplicaRecovery: Sendable {
  public enum Need: Sendable, Hashable {
    /// The log is whole, but the state before it is gone.
    case state(atLeast: LogIndex)
    /// Entries are gone. `vote` is the newest one, if that is certain; `seenTerm` the highest term
    /// that can still be read.
    case log(vote: HardState?, seenTerm: Term)
    /// There is nothing: the cluster is new, or this replica was wiped.
    case everything
  }

  public enum Decision: Sendable, Hashable {
    /// Says what for.
    case wait(String)
    /// All, or after some time a majority, have nothing either: the cluster is new.
    case begin
    /// `peer`'s state is asked for.
    case fetch(from: ReplicaID, term: Term, atLeast: LogIndex)
  }

  /// Ticks before a majority without data is enough to begin a new cluster; until then all are
  /// waited for.
  static let patienceTicks = 30

  public let id: ReplicaID
  public let peers: [ReplicaID]
  public let nonce: UInt64
  public private(set) var need: Need
  private var answers: [ReplicaID: RecoveryAnswer] = [:]
  /// The leader whose log was found to have all that is missing, and where it ended then. Kept
  /// while it leads, since its log may grow faster than a state travels.
  private var proven: (leader: ReplicaID, term: Term, end: LogIndex)?
  private var ticks = 0

  /// - Parameter nonce: differs from those of former lives.
  public init(id: ReplicaID, peers: [ReplicaID], need: Need, nonce: UInt64) {
    self.id = id
    self.peers = peers.sorted()
    self.need = need
    self.nonce = nonce
  }

  private var quorum: Int { (peers.count + 1) / 2 + 1 }

  // MARK: Inputs

  /// Some time has passed; asks again.
  public mutating func tick() -> [OutgoingMessage] {
    ticks += 1
    var messages = peers.map {
      OutgoingMessage(to: $0, message: .recoveryQuery(nonce: nonce))
    }
    if case .fetch(let peer, _, let atLeast) = decision {
      messages.append(OutgoingMessage(to: peer, message: .stateRequest(atLeast: atLeast)))
    }
    return messages
  }

  /// Returns what to answer.
  public mutating func receive(_ message: PeerMessage, from peer: ReplicaID) -> [OutgoingMessage] {
    guard peers.contains(peer) else { return [] }
    switch message {
    case .recoveryQuery(let nonce):
      let answer = RecoveryAnswer(
        nonce: nonce, standing: need == .everything ? .new : .recovering, term: knownTerm,
        lastIndex: 0, applied: 0)
      return [OutgoingMessage(to: peer, message: .recoveryAnswer(answer))]
    case .recoveryAnswer(let answer):
      guard answer.nonce == nonce else { return [] }
      answers[peer] = answer
      // Who has data, or had: then so did this one.
      if need == .everything, answer.standing != .new { need = .log(vote: nil, seenTerm: 0) }
      updateProof()
      return nudge(peer, answer)
    case .raft, .propose, .refuse, .stateRequest, .stateHash: return []
    }
  }

  /// A leader of a term before this replica's own can never lead it: it is told, so that a new
  /// election brings a term that can.
  private func nudge(_ peer: ReplicaID, _ answer: RecoveryAnswer) -> [OutgoingMessage] {
    guard answer.standing == .leader, answer.term < knownTerm else { return [] }
    let rejection = Message(
      from: id, to: peer, term: knownTerm,
      body: .appendResponse(rejected: true, index: 0, hintIndex: 0, hintTerm: 0))
    return [OutgoingMessage(to: peer, message: .raft(rejection))]
  }

  // MARK: Decisions

  private var knownTerm: Term {
    guard case .log(let vote, let seenTerm) = need else { return 0 }
    return max(vote?.term ?? 0, seenTerm)
  }

  public var decision: Decision {
    switch need {
    case .everything: decisionForNothing
    case .state(let atLeast): decisionForState(atLeast)
    case .log: decisionForLog
    }
  }

  private var decisionForNothing: Decision {
    if answers.count == peers.count { return .begin }
    if ticks >= Self.patienceTicks, answers.count + 1 >= quorum { return .begin }
    return .wait("an answer from \(list(silent)): is this a new cluster, or was the folder lost?")
  }

  private func decisionForState(_ atLeast: LogIndex) -> Decision {
    let able = answers.filter { $0.value.standing.takesPart && $0.value.applied >= atLeast }
    let best =
      able.first { $0.value.standing == .leader }
      ?? able.max { ($0.value.applied, $1.key) < ($1.value.applied, $0.key) }
    guard let best else { return .wait("a peer that has entry \(atLeast) applied") }
    return .fetch(from: best.key, term: best.value.term, atLeast: atLeast)
  }

  private var decisionForLog: Decision {
    if let proven { return .fetch(from: proven.leader, term: proven.term, atLeast: proven.end) }
    switch proof {
    case .success(let found): return .wait("replica \(found.leader) to answer again")
    case .failure(let missing): return .wait(missing.what)
    }
  }

  private mutating func updateProof() {
    if let proven, let answer = answers[proven.leader], answer.standing == .leader,
      answer.term == proven.term
    {
      return
    }
    proven = nil
    guard case .log = need, case .success(let found) = proof else { return }
    proven = found
  }

  private struct Missing: Error { var what: String }

  /// The proof described above, or what it still lacks.
  private var proof: Result<(leader: ReplicaID, term: Term, end: LogIndex), Missing> {
    guard case .log(let vote, _) = need else { return .failure(Missing(what: "nothing")) }
    if vote == nil, !silent.isEmpty {
      return .failure(
        Missing(what: "\(list(silent)) to answer: each must say that it knows no later term"))
    }
    let leaders = answers.filter { $0.value.standing == .leader }
    guard let leader = leaders.max(by: { $0.value.term < $1.value.term }) else {
      return .failure(Missing(what: "a leader that the others elect"))
    }
    let term = leader.value.term
    guard term >= knownTerm, answers.values.allSatisfy({ $0.term <= term }) else {
      return .failure(Missing(what: "a leader of the latest term"))
    }
    let confirming = answers.values.filter { $0.standing.takesPart && $0.term == term }
    guard confirming.count >= quorum else {
      return .failure(Missing(what: "\(quorum) other replicas that follow leader \(leader.key)"))
    }
    return .success((leader.key, term, max(1, leader.value.lastIndex)))
  }

  /// Why a state that `peer` sent is of no use; `nil` where it is what is needed.
  public func refusal(of index: LogIndex, leaderTerm: Term, from peer: ReplicaID) -> String? {
    guard case .fetch(let source, let term, let atLeast) = decision else {
      return "it was not asked for"
    }
    // What the log lacks must come from a leader that is known to have it.
    if case .log = need, source != peer || term != leaderTerm {
      return "replica \(source) was asked, which leads in term \(term)"
    }
    guard index >= atLeast else { return "it is of entry \(index), entry \(atLeast) is needed" }
    return nil
  }

  private var silent: [ReplicaID] { peers.filter { answers[$0] == nil } }

  private func list(_ replicas: [ReplicaID]) -> String {
    (replicas.count == 1 ? "replica " : "replicas ")
      + replicas.map(String.init).joined(separator: ", ")
  }
}

extension RecoveryAnswer.Standing {
  var takesPart: Bool { self == .leader || self == .follower }
}
