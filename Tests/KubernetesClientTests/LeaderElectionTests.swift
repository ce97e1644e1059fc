import Testing

@testable import KubernetesClient

@Suite struct LeaderElectionTests {
  static let second: Int64 = 1_000_000_000
  let other = LeaseRecord(
    holder: "other", leaseDurationSeconds: 3, renewTime: "t1", transitions: 4,
    resourceVersion: "10")

  @Test func anAbsentOrReleasedLeaseIsTakenAtOnce() {
    var election = LeaderElection(identity: "me", leaseDurationNanoseconds: 3 * Self.second)
    #expect(election.read(nil, now: 0) == .create)
    var released = other
    released.holder = ""
    #expect(election.read(released, now: 1) == .acquire(released))
  }

  @Test func aHeldLeaseIsTakenWhenItStoodStillForItsDuration() {
    var election = LeaderElection(identity: "me", leaseDurationNanoseconds: 3 * Self.second)
    #expect(election.read(other, now: 0) == .wait)
    #expect(election.read(other, now: 3 * Self.second - 1) == .wait)
    var renewed = other
    renewed.renewTime = "t2"
    renewed.resourceVersion = "11"
    #expect(election.read(renewed, now: 3 * Self.second) == .wait)
    #expect(election.read(renewed, now: 6 * Self.second - 1) == .wait)
    #expect(election.read(renewed, now: 6 * Self.second) == .acquire(renewed))
  }

  @Test func theHoldersOwnDurationCounts() {
    var election = LeaderElection(identity: "me", leaseDurationNanoseconds: 3 * Self.second)
    var long = other
    long.leaseDurationSeconds = 10
    #expect(election.read(long, now: 0) == .wait)
    #expect(election.read(long, now: 9 * Self.second) == .wait)
    #expect(election.read(long, now: 10 * Self.second) == .acquire(long))
    long.leaseDurationSeconds = .max
    #expect(election.read(long, now: 11 * Self.second) == .wait)
  }

  @Test func leadingEndsBeforeAnotherMayStart() {
    var election = LeaderElection(identity: "me", leaseDurationNanoseconds: 3 * Self.second)
    let mine = LeaseRecord(holder: "me", leaseDurationSeconds: 3, renewTime: "a")
    #expect(!election.leads(now: 0))
    election.wrote(mine, began: 0)
    #expect(election.leads(now: 2 * Self.second - 1))
    #expect(!election.leads(now: 2 * Self.second))
    #expect(election.read(mine, now: 2 * Self.second) == .renew(mine))
    election.wrote(mine, began: 2 * Self.second)
    #expect(election.leads(now: 3 * Self.second))
    election.lost()
    #expect(!election.leads(now: 3 * Self.second))
  }

  @Test func waitingForATaskHasAnEnd() async {
    let endless = Task<Void, Never> {
      while !Task.isCancelled { try? await Task<Never, Never>.sleep(for: .seconds(3_600)) }
    }
    #expect(await endless.ended(withinMilliseconds: 10) == false)
    endless.cancel()
    #expect(await endless.ended(withinMilliseconds: 60_000))
  }
}
