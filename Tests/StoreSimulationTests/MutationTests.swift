import Testing

@testable import Raft
@testable import StoreSimulation

/// Tests of the tests: each rule of the consensus that is switched off must be missed.
@Suite struct MutationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var mutation: RaftMutations
    var scenario: SimulationOptions.Scenario
    /// Within so many seeds.
    var seeds: Int

    var testDescription: String { "\(name) in \(scenario.rawValue)" }
  }

  static let cases: [Case] = [
    Case(name: "a vote is not written", mutation: .forgetsVote, scenario: .shortReigns, seeds: 200),
    Case(name: "a term is not written", mutation: .forgetsTerm, scenario: .shortReigns, seeds: 60),
    Case(
      name: "entries of earlier terms are counted", mutation: .commitsEarlierTerms,
      scenario: .shortReigns, seeds: 60),
    Case(
      name: "logs are not compared", mutation: .ignoresLogMismatch, scenario: .shortReigns,
      seeds: 60),
    Case(
      name: "a pre-vote raises terms", mutation: .preVoteRaisesTerm, scenario: .flappingFollower,
      seeds: 20),
    Case(
      name: "a pre-vote ignores the lease", mutation: .preVoteIgnoresLease,
      scenario: .flappingFollower, seeds: 20),
    Case(
      name: "a promise to the leader is forgotten", mutation: .forgetsPromise,
      scenario: .leaseReads, seeds: 60),
    Case(
      name: "a lease ignores that clocks differ", mutation: .ignoresClockRates,
      scenario: .leaseReads, seeds: 60),
  ]

  @Test(arguments: cases)
  func aRuleThatIsOffIsMissed(_ mutant: Case) {
    var options = SimulationOptions(scenario: mutant.scenario)
    options.mutations = mutant.mutation
    let summary = SimulationRange(
      first: 1, count: mutant.seeds, maximumFailures: 1, options: options
    ).run()
    #expect(
      !summary.failures.isEmpty, "\(mutant.seeds) seeds run clean although \(mutant.name)")
    print("mutation: \(mutant.name): \(summary.seeds) seeds until \(summary.failures)")
  }

  /// The same seeds hold with all rules on.
  @Test(arguments: SimulationOptions.Scenario.allCases)
  func theScenariosHoldOtherwise(_ scenario: SimulationOptions.Scenario) {
    let summary = SimulationRange(
      first: 1, count: 8, options: SimulationOptions(scenario: scenario)
    ).run()
    for failure in summary.failures { Issue.record("\(scenario.rawValue): \(failure)") }
    #expect(summary.total.elections >= summary.seeds)
    print("simulation, \(scenario.rawValue): \(summary.seeds) seeds, \(summary.counts)")
  }
}
