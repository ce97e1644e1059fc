import SeededRuns
import Testing

@testable import APIServer

@Suite struct FairQueuesTests {
  private func queues(places: Int, ofOne: Int, waitingOfOne: Int, waiting: Int) -> FairQueues {
    FairQueues(
      limits: .init(
        places: places, placesOfOne: ofOne, waitingOfOne: waitingOfOne, waiting: waiting))
  }

  @Test func oneUserNeverHasAllPlaces() {
    var queues = queues(places: 4, ofOne: 3, waitingOfOne: 2, waiting: 10)
    let eager = (1...6).map { queues.arrive(user: "eager", id: $0) }
    #expect(eager == [.start, .start, .start, .wait, .wait, .refuse])
    #expect(queues.arrive(user: "modest", id: 7) == .start)
    #expect(queues.working == 4)
  }

  @Test func aFreePlaceGoesToWhoHasFewest() {
    var queues = queues(places: 2, ofOne: 2, waitingOfOne: 10, waiting: 10)
    #expect(queues.arrive(user: "a", id: 1) == .start)
    #expect(queues.arrive(user: "a", id: 2) == .start)
    for id in 3...5 { #expect(queues.arrive(user: "a", id: id) == .wait) }
    #expect(queues.arrive(user: "b", id: 6) == .wait)
    #expect(queues.arrive(user: "c", id: 7) == .wait)
    #expect(queues.end(user: "a") == [6])
    #expect(queues.end(user: "a") == [7])
    // All others have one each or none: the one that waits longest for its turn.
    #expect(queues.end(user: "b") == [3])
    #expect(queues.end(user: "c") == [4])
    #expect(queues.end(user: "a") == [5])
    #expect(queues.end(user: "a") == [])
    #expect(queues.end(user: "a") == [])
    #expect(queues.working == 0 && queues.waiting == 0)
  }

  @Test func whenAllWaitingPlacesAreTakenTheLongestQueueGivesOne() {
    var queues = queues(places: 1, ofOne: 1, waitingOfOne: 4, waiting: 4)
    #expect(queues.arrive(user: "a", id: 1) == .start)
    for id in 2...5 { #expect(queues.arrive(user: "a", id: id) == .wait) }
    #expect(queues.arrive(user: "b", id: 6) == .waitInsteadOf(5))
    #expect(queues.arrive(user: "b", id: 7) == .waitInsteadOf(4))
    // Both have as many now: nobody gives way.
    #expect(queues.arrive(user: "b", id: 8) == .refuse)
    #expect(queues.waiting == 4)
    #expect(queues.end(user: "a") == [6])
  }

  @Test func whoLeavesTheQueueIsNotStarted() {
    var queues = queues(places: 1, ofOne: 1, waitingOfOne: 4, waiting: 4)
    #expect(queues.arrive(user: "a", id: 1) == .start)
    #expect(queues.arrive(user: "a", id: 2) == .wait)
    #expect(queues.arrive(user: "a", id: 3) == .wait)
    #expect(queues.leave(user: "a", id: 2) == true)
    #expect(queues.leave(user: "a", id: 2) == false)
    #expect(queues.leave(user: "b", id: 3) == false)
    #expect(queues.end(user: "a") == [3])
    #expect(queues.leave(user: "a", id: 3) == false)
  }

  /// Whatever comes, the bounds hold, nobody is started twice, and a modest user is served.
  @Test func boundsHoldUnderRandomLoad() {
    var random = SplitMix64(seed: 7)
    let limits = FairQueues.Limits(places: 8, placesOfOne: 6, waitingOfOne: 5, waiting: 12)
    var queues = FairQueues(limits: limits)
    var working: [String: Int] = [:]
    var waiting: [Int: String] = [:]
    for id in 0..<20_000 {
      let user = random.next() % 4 == 0 ? "modest\(random.next() % 5)" : "eager"
      switch random.next() % 5 {
      case 0..<3:
        switch queues.arrive(user: user, id: id) {
        case .start: working[user, default: 0] += 1
        case .wait: waiting[id] = user
        case .waitInsteadOf(let other):
          #expect(waiting.removeValue(forKey: other) != nil)
          waiting[id] = user
        case .refuse: break
        }
      case 3:
        guard let (user, _) = working.first(where: { $0.value > 0 }) else { continue }
        working[user, default: 0] -= 1
        for started in queues.end(user: user) {
          let owner = waiting.removeValue(forKey: started)
          #expect(owner != nil)
          working[owner ?? "", default: 0] += 1
        }
      default:
        guard let (id, user) = waiting.first else { continue }
        #expect(queues.leave(user: user, id: id) == true)
        waiting[id] = nil
      }
      let total = working.values.reduce(0, +)
      #expect(total == queues.working && total <= limits.places)
      #expect(waiting.count == queues.waiting && waiting.count <= limits.waiting)
      #expect(working.values.allSatisfy { $0 <= limits.placesOfOne })
    }
  }

  @Test func aRequestWaitsForItsTurnAndIsRefusedAtTheBound() async {
    let limiter = RequestLimiter(
      reading: .init(places: 1, placesOfOne: 1, waitingOfOne: 1),
      mutating: .init(places: 1), waitMilliseconds: 60_000)
    #expect(await limiter.enter(.reading, user: "a"))
    // Writes and the cluster's own requests have places of their own.
    #expect(await limiter.enter(.mutating, user: "a"))
    #expect(await limiter.enter(.system, user: "a"))
    // Of two more one waits, whichever comes first, and the other one is too many.
    let (answers, continuation) = AsyncStream<Bool>.makeStream()
    for _ in 0..<2 {
      Task { continuation.yield(await limiter.enter(.reading, user: "a")) }
    }
    var answer = answers.makeAsyncIterator()
    #expect(await answer.next() == false)
    limiter.leave(.reading, user: "a")
    #expect(await answer.next() == true)
    #expect(RequestLimiter.tooMany.code == 429)
    #expect(RequestLimiter.tooMany.retryAfterSeconds == 1)
  }

  @Test func whoWaitsTooLongOrGoesAwayIsRefused() async {
    let limiter = RequestLimiter(
      reading: .init(places: 1), mutating: .init(places: 1), waitMilliseconds: 20)
    #expect(await limiter.enter(.reading, user: "a"))
    #expect(await limiter.enter(.reading, user: "b") == false)
    let patient = RequestLimiter(
      reading: .init(places: 1), mutating: .init(places: 1), waitMilliseconds: 600_000)
    #expect(await patient.enter(.reading, user: "a"))
    let gone = Task { await patient.enter(.reading, user: "b") }
    gone.cancel()
    #expect(await gone.value == false)
    patient.leave(.reading, user: "a")
    #expect(await patient.enter(.reading, user: "b"))
  }

  @Test func timeoutsAreReadAsGoReadsDurations() throws {
    #expect(RequestDeadline.goDuration("34s") == 34_000)
    #expect(RequestDeadline.goDuration("1m30s") == 90_000)
    #expect(RequestDeadline.goDuration("1.5h") == 5_400_000)
    #expect(RequestDeadline.goDuration("250ms") == 250)
    #expect(RequestDeadline.goDuration("0") == 0)
    for wrong in ["", "5", "s", "5x", "1m30", ".s", "1e3s", "-"] {
      #expect(RequestDeadline.goDuration(wrong) == nil, "\(wrong)")
    }
    #expect(try RequestDeadline.milliseconds(nil) == 60_000)
    #expect(try RequestDeadline.milliseconds("10h") == 60_000)
    #expect(throws: (any Error).self) { try RequestDeadline.milliseconds("soon") }
  }
}
