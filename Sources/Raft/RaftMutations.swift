/// Rules of the consensus that a test can switch off, to see that the tests notice.
///
/// Visible inside this package only: no program can be configured so.
package struct RaftMutations: OptionSet, Sendable, Hashable, CaseIterable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The vote is not written: after a crash a replica votes a second time in its term.
  package static let forgetsVote = RaftMutations(rawValue: 1 << 0)
  /// Neither term nor vote is written, only what the log tells of them.
  package static let forgetsTerm = RaftMutations(rawValue: 1 << 1)
  /// Entries of earlier terms are committed by counting (Raft figure 8).
  package static let commitsEarlierTerms = RaftMutations(rawValue: 1 << 2)
  /// A follower appends without comparing the entry before.
  package static let ignoresLogMismatch = RaftMutations(rawValue: 1 << 3)
  /// A pre-vote raises the term of who is asked, as if it were a vote.
  package static let preVoteRaisesTerm = RaftMutations(rawValue: 1 << 4)
  /// A pre-vote is granted although the leader is heard from.
  package static let preVoteIgnoresLease = RaftMutations(rawValue: 1 << 5)

  /// A majority of the new voters is enough while voters change.
  package static let forgetsOutgoing = RaftMutations(rawValue: 1 << 6)
  /// A follower votes although it has promised the leader not to.
  package static let forgetsPromise = RaftMutations(rawValue: 1 << 7)
  /// A lease lasts as if all clocks ran alike.
  package static let ignoresClockRates = RaftMutations(rawValue: 1 << 8)

  package static let allCases: [RaftMutations] = [
    .forgetsVote, .forgetsTerm, .commitsEarlierTerms, .ignoresLogMismatch, .preVoteRaisesTerm,
    .preVoteIgnoresLease, .forgetsOutgoing, .forgetsPromise, .ignoresClockRates,
  ]
}

extension RaftConfiguration {
  /// The same replica with some rules switched off.
  package func mutated(by mutations: RaftMutations) -> RaftConfiguration {
    var configuration = self
    configuration.mutations = mutations
    return configuration
  }
}
