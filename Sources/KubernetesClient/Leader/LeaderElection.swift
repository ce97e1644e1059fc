import JSONDocument

/// What a Lease says about who leads.
public struct LeaseRecord: Sendable, Hashable {
  /// Empty: nobody.
  public var holder: String
  public var leaseDurationSeconds: Int64
  public var acquireTime: String
  public var renewTime: String
  public var transitions: Int64
  public var resourceVersion: String

  public init(
    holder: String, leaseDurationSeconds: Int64, acquireTime: String = "", renewTime: String = "",
    transitions: Int64 = 0, resourceVersion: String = ""
  ) {
    self.holder = holder
    self.leaseDurationSeconds = leaseDurationSeconds
    self.acquireTime = acquireTime
    self.renewTime = renewTime
    self.transitions = transitions
    self.resourceVersion = resourceVersion
  }

  public init(lease: JSONValue) {
    let spec = lease["spec"]
    self.init(
      holder: spec?["holderIdentity"]?.stringValue ?? "",
      leaseDurationSeconds: spec?["leaseDurationSeconds"]?.intValue ?? 0,
      acquireTime: spec?["acquireTime"]?.stringValue ?? "",
      renewTime: spec?["renewTime"]?.stringValue ?? "",
      transitions: spec?["leaseTransitions"]?.intValue ?? 0,
      resourceVersion: lease.at("metadata", "resourceVersion")?.stringValue ?? "")
  }

  public var spec: JSONValue {
    var spec: JSONObject = ["holderIdentity": .string(holder)]
    spec["leaseDurationSeconds"] = .int(leaseDurationSeconds)
    if !acquireTime.isEmpty { spec["acquireTime"] = .string(acquireTime) }
    if !renewTime.isEmpty { spec["renewTime"] = .string(renewTime) }
    spec["leaseTransitions"] = .int(transitions)
    return .object(spec)
  }
}

/// Decides who leads, from what the Lease says and how long ago it last changed. Pure: times are
/// of one local monotonic clock, in nanoseconds, so that the clocks of servers need not agree.
public struct LeaderElection: Sendable {
  public enum Action: Sendable, Hashable {
    /// Write a new Lease.
    case create
    /// Write over the Lease that was read, if it has not changed since.
    case acquire(LeaseRecord)
    case renew(LeaseRecord)
    /// Somebody else leads.
    case wait
  }

  public let identity: String
  public let leaseDurationNanoseconds: Int64
  private var observed: LeaseRecord?
  private var observedAt: Int64 = 0
  /// When the last write of ours began that succeeded.
  private var renewedAt: Int64?

  public init(identity: String, leaseDurationNanoseconds: Int64) {
    precondition(!identity.isEmpty && leaseDurationNanoseconds > 0)
    self.identity = identity
    self.leaseDurationNanoseconds = leaseDurationNanoseconds
  }

  /// The Lease was read (nil: there is none).
  public mutating func read(_ record: LeaseRecord?, now: Int64) -> Action {
    guard let record else {
      observed = nil
      return .create
    }
    if observed != record {
      observed = record
      observedAt = now
    }
    if record.holder == identity { return .renew(record) }
    if record.holder.isEmpty { return .acquire(record) }
    // The holder's own duration counts, since that is how long it believes to lead.
    let (held, overflow) = record.leaseDurationSeconds.multipliedReportingOverflow(
      by: 1_000_000_000)
    let duration = overflow || held <= 0 ? leaseDurationNanoseconds : held
    return now &- observedAt >= duration ? .acquire(record) : .wait
  }

  /// A write that began at `began` made the Lease ours.
  public mutating func wrote(_ record: LeaseRecord, began: Int64) {
    observed = record
    observedAt = began
    renewedAt = began
  }

  /// Somebody else was first, or leads.
  public mutating func lost() { renewedAt = nil }

  /// Whether leading is still safe: two thirds of the lease have not passed without a renewal, so
  /// that what runs has time to stop before another may start.
  public func leads(now: Int64) -> Bool {
    guard let renewedAt else { return false }
    return now &- renewedAt < leaseDurationNanoseconds / 3 * 2
  }
}
