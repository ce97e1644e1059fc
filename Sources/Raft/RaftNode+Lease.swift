/// Reads without a round of heartbeats, while nobody else can lead (dissertation §6.4.1).
///
/// A follower that answers a heartbeat promises to take no part in an election for
/// `electionTicks`, also where it loses its connection to the leader. A leader that has such
/// promises from a majority names its commit index at once, until the oldest of them may be over.
///
/// What that rests on: no two replicas' clocks differ in their rates by more than
/// `RaftConfiguration.Lease.clockRateBoundPercent`, and the leader's clock does not stand still
/// while others' go on. Where a virtual machine can be halted together with its clock, leases give
/// stale reads. ReadIndex, the default, needs no clock.
///
/// The leader's lease counts by `clockMilliseconds` rather than by ticks: a process that stood still
/// gets fewer ticks than time has passed. The promise counts by ticks: fewer of them only prolong it.
struct LeaderLease: Sendable {
  /// Marks the number of a round, in a heartbeat and in its answer, as one that promises.
  static let promiseFlag: UInt64 = 1 << 63

  /// Rounds that may still be confirmed, oldest first, with the time before they were sent.
  private var sent: [(round: UInt64, milliseconds: UInt64)] = []
  /// Leadership was to be handed over in this term: an election that needs no consent may be on its
  /// way, so there are no leases any more.
  var isForfeited = false

  /// Older rounds say nothing more: they are farther back than any lease lasts.
  private static let maximumRounds = 64

  mutating func sends(_ round: UInt64, at milliseconds: UInt64) {
    guard sent.last?.round != round else { return }
    if sent.count == Self.maximumRounds { sent.removeFirst() }
    sent.append((round, milliseconds))
  }

  /// When the newest round was sent that is not later than `confirmed`.
  func sentTime(of confirmed: UInt64) -> UInt64? {
    sent.last { $0.round <= confirmed }?.milliseconds
  }
}

extension RaftConfiguration {
  /// Reads by the leader's lease; every voter must have it, and with the same times.
  public struct Lease: Sendable, Hashable {
    /// Ticks that may come right after a promise was given, for time that passed before it: after a
    /// process stood still, it gets so many at once.
    public static let ticksAtOnce = 3

    public var tickMilliseconds: Int
    /// By how much the rates of two replicas' clocks may differ.
    public var clockRateBoundPercent: Int

    public init(tickMilliseconds: Int, clockRateBoundPercent: Int) {
      self.tickMilliseconds = tickMilliseconds
      self.clockRateBoundPercent = clockRateBoundPercent
    }
  }

  /// How long a lease lasts from before its round was sent, by the leader's clock.
  var leaseMilliseconds: UInt64? {
    guard let lease else { return nil }
    let promised = max(0, electionTicks - Lease.ticksAtOnce) * lease.tickMilliseconds
    if mutations.contains(.ignoresClockRates) { return UInt64(promised) }
    return UInt64(promised * max(0, 100 - lease.clockRateBoundPercent) / 100)
  }
}

extension RaftNode {
  // MARK: Leader

  /// Each heartbeat begins a round of its own, whose answers renew the lease.
  mutating func beginLeaseRound() {
    guard configuration.lease != nil else { return }
    reads.lastRound += 1
    lease.sends(reads.lastRound, at: clockMilliseconds)
  }

  /// The number of a round as heartbeats carry it.
  func marked(_ round: UInt64) -> UInt64 {
    configuration.lease == nil ? round : round | LeaderLease.promiseFlag
  }

  /// A majority of the voters, and of the outgoing ones, stays away from elections.
  var leaseHolds: Bool {
    guard role == .leader, !lease.isForfeited, transferee == 0,
      let duration = configuration.leaseMilliseconds
    else { return false }
    if isAlone { return true }
    let promised = quorumValue { $0 == own ? reads.lastRound : progress[$0].promisedRound }
    guard let sent = lease.sentTime(of: promised) else { return false }
    return clockMilliseconds >= sent && clockMilliseconds - sent < duration
  }

  // MARK: Follower

  /// What a heartbeat's answer carries: the mark only where this replica keeps the promise.
  mutating func answer(toRound context: UInt64) -> UInt64 {
    guard configuration.lease != nil else { return context & ~LeaderLease.promiseFlag }
    if context & LeaderLease.promiseFlag != 0 { promisedTicks = configuration.electionTicks }
    return context
  }

  /// This replica must not help to depose the leader yet.
  var isBoundByPromise: Bool {
    configuration.lease != nil && promisedTicks > 0
      && !configuration.mutations.contains(.forgetsPromise)
  }
}
