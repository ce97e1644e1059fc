import Raft

/// How a replica that has lost part of its data comes to take part again.
///
/// What it acknowledged before must still count: a leader may have committed entries, or have been
/// elected, on its word. So until it has again at least what it had, it neither votes nor
/// acknowledges, as if it were down (compare "Protocol-Aware Recovery for Consensus-Based
/// Storage", Alagappan and others, FAST 2018). It asks its peers, and waits until
///
/// - a leader of term T has answered, with the membership M that is committed in its log, and
///   with it a majority of M's voters, this replica not counted, said that they are in term T.
///   Each of them said so after this replica had come back. Whoever leads a later term on this
///   replica's former vote needed one of them too, and would have moved its term. So this leader's
///   log has every entry that was committed with this replica's help; and all that this replica
///   ever acknowledged *to it* is not beyond the end of that log. M is what counts, not the
///   configuration of this replica, which may name servers that have gone since: whoever can win an
///   election has M in its log.
/// - where the vote is lost too, and this replica is one of M's voters: every other one has
///   answered, none with a later term than T. A candidate puts its term on disk before it asks for
///   votes; so there is none to whom this replica's vote could still be on its way.
///
/// Then it takes the leader's state as of an entry not before the end of that log, and starts
/// with term T and a vote for that leader. A replica whose log is whole, and that lacks only the
/// state before its beginning, takes that from any peer: its acknowledgements and its vote are
/// intact.
///
/// An empty folder begins a new group only if every configured peer says that it has no entry
/// either: silence may be that of a group that exists. Where all are in a term already, this
/// replica may have had a vote in it, so it begins with that vote spent; from then on its folder is
/// not empty any more, and a restart does not ask again.
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
    /// No peer has an entry either: the cluster is new. A vote for itself in `term` goes to disk
    /// first.
    case begin(term: Term)
    /// `peer`'s state is asked for.
    case fetch(from: ReplicaID, term: Term, atLeast: LogIndex)
  }

  public let id: ReplicaID
  /// Those of the configuration, and those that answers have told of.
  public private(set) var peers: [ReplicaID]
  /// The newest membership that a peer told of: whom to connect to.
  public private(set) var membership: Membership?
  public let nonce: UInt64
  public private(set) var need: Need
  private var answers: [ReplicaID: RecoveryAnswer] = [:]
  /// The leader whose log was found to have all that is missing, and where it ended then. Kept
  /// while it leads, since its log may grow faster than a state travels.
  private var proven: (leader: ReplicaID, term: Term, end: LogIndex)?
  /// How far the log of whoever told of `membership` had come.
  private var membershipTold: (term: Term, lastIndex: LogIndex) = (0, 0)

  /// - Parameters:
  ///   - peers: as configured.
  ///   - nonce: differs from those of former lives.
  public init(id: ReplicaID, peers: [ReplicaID], need: Need, nonce: UInt64) {
    self.id = id
    self.peers = peers.sorted()
    self.need = need
    self.nonce = nonce
  }

  // MARK: Inputs

  /// Some time has passed; asks again.
  public func tick() -> [OutgoingMessage] {
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
      learn(from: answer)
      // Who has entries, or had: then so did this one, perhaps.
      if need == .everything, answer.hasHadEntries { need = .log(vote: nil, seenTerm: 0) }
      updateProof()
      return nudge(peer, answer)
    case .raft, .propose, .refuse, .stateRequest, .stateHash: return []
    }
  }

  private mutating func learn(from answer: RecoveryAnswer) {
    guard let told = answer.membership,
      membership == nil || (answer.term, answer.lastIndex) >= membershipTold
    else { return }
    membership = told
    membershipTold = (answer.term, answer.lastIndex)
    peers = Set(peers + told.members).subtracting([id]).sorted()
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
    let silent = peers.filter { answers[$0] == nil }
    if silent.isEmpty { return .begin(term: max(1, answers.values.map(\.term).max() ?? 0)) }
    return .wait(
      "an answer from \(list(silent)): is this a new cluster, or was the folder lost?")
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
    let leaders = answers.filter { $0.value.standing == .leader }
    guard let (leader, answer) = leaders.max(by: { $0.value.term < $1.value.term }) else {
      return .failure(Missing(what: "a leader that the others elect"))
    }
    let term = answer.term
    guard let membership = answer.membership else {
      return .failure(Missing(what: "leader \(leader) to have its members committed"))
    }
    let voters = (membership.voters + membership.outgoing).filter { $0 != id }
    guard term >= knownTerm, voters.allSatisfy({ answers[$0]?.term ?? 0 <= term }) else {
      return .failure(Missing(what: "a leader of the latest term"))
    }
    let confirming = answers.filter { $0.value.standing.takesPart && $0.value.term == term }
    guard membership.hasMajority(Set(confirming.keys).subtracting([id])) else {
      return .failure(
        Missing(what: "a majority of \(list(membership.voters)) that follows leader \(leader)"))
    }
    let silent = voters.filter { answers[$0] == nil }
    if vote == nil, membership.isVoter(id), !silent.isEmpty {
      return .failure(
        Missing(what: "\(list(silent)) to answer: each must say that it knows no later term"))
    }
    return .success((leader, term, max(1, answer.lastIndex)))
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

  private func list(_ replicas: [ReplicaID]) -> String {
    (replicas.count == 1 ? "replica " : "replicas ")
      + replicas.map(String.init).joined(separator: ", ")
  }
}

extension RecoveryAnswer {
  /// Entries were promised to somebody, or may have been.
  fileprivate var hasHadEntries: Bool {
    standing == .recovering || standing == .leader || lastIndex > 0 || applied > 0
  }
}

extension RecoveryAnswer.Standing {
  var takesPart: Bool { self == .leader || self == .follower }
}
