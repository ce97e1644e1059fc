import Keyspace

/// Measures the time that leases have left, by ticks.
///
/// Followed on every replica, used by the leader only: a replica that comes to lead gives each
/// lease its full time again. Ticks are never more than the time that has passed, so no lease
/// ends too early.
struct LeaseClock: Sendable {
  private struct Running: Sendable {
    var ttlTicks: Int
    var endsAt: Int
  }

  /// After how many ticks the end of a lease is proposed again.
  private static let repeatTicks = 50

  private let tickMilliseconds: UInt64
  private var running: [UInt64: Running] = [:]
  private var nextEnd = Int.max

  init(tickMilliseconds: Int) { self.tickMilliseconds = UInt64(max(1, tickMilliseconds)) }

  var isEmpty: Bool { running.isEmpty }
  var count: Int { running.count }

  /// Another state took the place of the present one.
  mutating func restart(from state: some KeyspaceReader, now: Int) {
    running = [:]
    nextEnd = .max
    for entry in state.entries(prefix: Lease.prefix) {
      guard case .alive(let id)? = Lease.part(entry.key) else { continue }
      // What lost its record is about to end.
      renew(id, ttl: Lease(id: id, in: state)?.ttlMilliseconds ?? 0, now: now)
    }
  }

  /// This replica leads from now on.
  mutating func beginToLead(now: Int) {
    nextEnd = .max
    for id in running.keys {
      guard let ticks = running[id]?.ttlTicks else { continue }
      running[id]?.endsAt = now + ticks
      nextEnd = min(nextEnd, now + ticks)
    }
  }

  mutating func applied(_ event: Event, in state: @autoclosure () -> KeyspaceSnapshot, now: Int) {
    guard let part = Lease.part(event.key) else { return }
    switch (part, event.kind) {
    case (.alive(let id), .delete): running[id] = nil
    case (.alive(let id), .put):
      let known = running[id]?.ttlTicks
      if let known {
        renew(id, ticks: known, now: now)
      } else {
        renew(id, ttl: Lease(id: id, in: state())?.ttlMilliseconds ?? 0, now: now)
      }
    // What is left of a large lease goes without delay.
    case (.record(let id), .delete) where running[id] != nil: renew(id, ticks: 0, now: now)
    case (.record, _), (.attachment, _): break
    }
  }

  private mutating func renew(_ id: UInt64, ttl: UInt64, now: Int) {
    let ticks = (ttl + tickMilliseconds - 1) / tickMilliseconds
    // One more, as the present tick has begun already.
    renew(id, ticks: ttl == 0 ? 0 : Int(clamping: ticks) + 1, now: now)
  }

  private mutating func renew(_ id: UInt64, ticks: Int, now: Int) {
    running[id] = Running(ttlTicks: ticks, endsAt: now + ticks)
    nextEnd = min(nextEnd, now + ticks)
  }

  /// Leases whose time is over. The same ones are told again after a while, if they are still
  /// there.
  mutating func ended(now: Int) -> [UInt64] {
    guard now >= nextEnd else { return [] }
    var ended: [UInt64] = []
    nextEnd = .max
    for (id, lease) in running {
      if lease.endsAt <= now {
        ended.append(id)
        running[id]?.endsAt = now + Self.repeatTicks
      }
      nextEnd = min(nextEnd, running[id]?.endsAt ?? .max)
    }
    return ended.sorted()
  }
}
