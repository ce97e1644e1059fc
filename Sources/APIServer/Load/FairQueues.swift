/// Decides which request may be worked on: a bounded number at one time, shared fairly between
/// users. A plain value: how long one waits is for its caller to see.
///
/// Max-min fairness as in upstream's API priority and fairness, with a queue for each user instead
/// of a shuffled shard of queues, so that no two users ever hurt each other: whenever a place gets
/// free it goes to the waiting user who has the fewest, and among those to whom it is longest ago
/// that one got a place.
struct FairQueues: Sendable {
  struct Limits: Sendable, Hashable {
    /// Requests that are worked on at one time.
    var places: Int
    /// Of these one user may have so many, so that another one always finds a place soon.
    var placesOfOne: Int
    /// Requests that wait, of one user and of all.
    var waitingOfOne: Int
    var waiting: Int

    init(
      places: Int, placesOfOne: Int? = nil, waitingOfOne: Int? = nil, waiting: Int? = nil
    ) {
      self.places = max(1, places)
      self.placesOfOne = placesOfOne ?? max(1, places - max(1, places / 4))
      self.waitingOfOne = waitingOfOne ?? places
      self.waiting = waiting ?? places * 4
    }
  }

  enum Decision: Sendable, Hashable {
    case start
    case wait
    case refuse
    /// This one waits, and the given one, of a user who has more waiting, does no longer.
    case waitInsteadOf(Int)
  }

  private struct Flow {
    var working = 0
    /// In the order in which they came.
    var waiting: [Int] = []
    /// When it last got a place, as a count of starts.
    var lastStart: UInt64 = 0
  }

  let limits: Limits
  /// Only users with something at work or waiting, so there are never more than requests.
  private var flows: [String: Flow] = [:]
  private(set) var working = 0
  private(set) var waiting = 0
  private var starts: UInt64 = 0

  init(limits: Limits) { self.limits = limits }

  /// A request of `user` has come; `id` names it if it has to wait.
  mutating func arrive(user: String, id: Int) -> Decision {
    var flow = flows[user] ?? Flow()
    if working < limits.places, flow.working < limits.placesOfOne, flow.waiting.isEmpty {
      start(&flow)
      flows[user] = flow
      return .start
    }
    guard flow.waiting.count < limits.waitingOfOne else { return .refuse }
    var decision = Decision.wait
    if waiting >= limits.waiting {
      guard let longest = flows.max(by: { $0.value.waiting.count < $1.value.waiting.count })?.key,
        longest != user, let count = flows[longest]?.waiting.count,
        count > flow.waiting.count + 1,
        let last = flows[longest]?.waiting.popLast()
      else { return .refuse }
      waiting -= 1
      decision = .waitInsteadOf(last)
    }
    flow.waiting.append(id)
    waiting += 1
    flows[user] = flow
    return decision
  }

  /// A request that was started has ended; returns those that start now.
  mutating func end(user: String) -> [Int] {
    precondition(working > 0 && flows[user]?.working ?? 0 > 0, "a request ended that never began")
    working -= 1
    flows[user]?.working -= 1
    forgetIfIdle(user)
    return startWaiting()
  }

  /// A request no longer waits, because its client has gone or its time is up; false where it
  /// had been started or refused already.
  mutating func leave(user: String, id: Int) -> Bool {
    guard let index = flows[user]?.waiting.firstIndex(of: id) else { return false }
    flows[user]?.waiting.remove(at: index)
    waiting -= 1
    forgetIfIdle(user)
    return true
  }

  private mutating func startWaiting() -> [Int] {
    var started: [Int] = []
    while working < limits.places, waiting > 0 {
      let next =
        flows
        .filter { !$0.value.waiting.isEmpty && $0.value.working < limits.placesOfOne }
        .min { Self.order($0.value) < Self.order($1.value) }
      guard let user = next?.key, var flow = next?.value else { break }
      started.append(flow.waiting.removeFirst())
      waiting -= 1
      start(&flow)
      flows[user] = flow
    }
    return started
  }

  private static func order(_ flow: Flow) -> (Int, UInt64, Int) {
    (flow.working, flow.lastStart, flow.waiting.first ?? 0)
  }

  private mutating func start(_ flow: inout Flow) {
    starts += 1
    flow.lastStart = starts
    flow.working += 1
    working += 1
  }

  private mutating func forgetIfIdle(_ user: String) {
    if let flow = flows[user], flow.working == 0, flow.waiting.isEmpty { flows[user] = nil }
  }
}
