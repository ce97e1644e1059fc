import JSONDocument
import KubernetesAPI
import Logging
import NIOConcurrencyHelpers

/// Runs something on one of several processes at a time, by a Lease.
public struct LeaderElector: Sendable {
  public struct Options: Sendable {
    public var leaseDurationSeconds: Int64
    /// Between renewals of the leader, and between looks of the others.
    public var renewMilliseconds: Int64
    /// How long giving the Lease back may keep a process that stops.
    public var releaseMilliseconds = 1_000

    /// A third of client-go's defaults and less: a server's death is noticed within seconds.
    public init(leaseDurationSeconds: Int64 = 3, renewMilliseconds: Int64 = 1_000) {
      precondition(leaseDurationSeconds > 0 && renewMilliseconds > 0)
      self.leaseDurationSeconds = leaseDurationSeconds
      self.renewMilliseconds = renewMilliseconds
    }
  }

  private let client: any KubernetesClient
  private let name: String
  private let namespace: String
  private let identity: String
  private let options: Options
  private let logger: Logger

  public init(
    client: any KubernetesClient, name: String, namespace: String = "kube-system",
    identity: String, options: Options = Options()
  ) {
    self.client = client
    self.name = name
    self.namespace = namespace
    self.identity = identity
    self.options = options
    logger = Logger(label: "taffrail.leader.\(name)")
  }

  /// Until the task is cancelled: runs `lead` whenever this process leads, and cancels it when
  /// leadership is lost. `lead` is over before another try is made, and before the Lease is given
  /// back on cancellation. Where `lead` returns or throws by itself, the Lease is given back and
  /// its error thrown.
  public func run(lead: @escaping @Sendable () async throws -> Void) async throws {
    let election = NIOLockedValueBox(
      LeaderElection(
        identity: identity, leaseDurationNanoseconds: options.leaseDurationSeconds * 1_000_000_000
      ))
    while !Task.isCancelled {
      await tryOnce(election)
      if !election.withLockedValue({ $0.leads(now: MonotonicClock.nowNanoseconds) }) {
        try? await pause()
        continue
      }
      logger.info("\(identity) leads")
      let result = await whileLeading(election, lead: lead)
      logger.info("\(identity) leads no more")
      if election.withLockedValue({ $0.leads(now: MonotonicClock.nowNanoseconds) }) {
        // Cancelled tasks cannot call the API, and giving the Lease back saves others the wait.
        // Where no majority is left the write would wait in vain, and a stop with it.
        await Task { await release() }.ended(withinMilliseconds: options.releaseMilliseconds)
        election.withLockedValue { $0.lost() }
      }
      if let result { try result.get() }
      if result != nil { return }
    }
  }

  /// Nil: leadership was lost, or the task was cancelled.
  private func whileLeading(
    _ election: NIOLockedValueBox<LeaderElection>, lead: @escaping @Sendable () async throws -> Void
  ) async -> Result<Void, any Error>? {
    await withTaskGroup(of: Result<Void, any Error>?.self) { group in
      group.addTask {
        do {
          try await lead()
          return Task.isCancelled ? nil : .success(())
        } catch {
          return Task.isCancelled ? nil : .failure(error)
        }
      }
      group.addTask {
        while (try? await pause()) != nil {
          await tryOnce(election)
          guard election.withLockedValue({ $0.leads(now: MonotonicClock.nowNanoseconds) }) else {
            break
          }
        }
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      await group.waitForAll()
      return first
    }
  }

  private func pause() async throws {
    try await Task.sleep(for: .milliseconds(options.renewMilliseconds))
  }

  /// One look at the Lease, and one write where it is ours to write.
  private func tryOnce(_ election: NIOLockedValueBox<LeaderElection>) async {
    let began = MonotonicClock.nowNanoseconds
    do {
      let found = try await read()
      let record = found.map { LeaseRecord(lease: $0) }
      let action = election.withLockedValue { $0.read(record, now: began) }
      let time = WallClock.now.microTime
      var mine = LeaseRecord(
        holder: identity, leaseDurationSeconds: options.leaseDurationSeconds, acquireTime: time,
        renewTime: time)
      switch action {
      case .wait:
        election.withLockedValue { $0.lost() }
        return
      case .create: break
      case .acquire(let old): mine.transitions = old.transitions &+ 1
      case .renew(let old):
        mine.transitions = old.transitions
        mine.acquireTime = old.acquireTime
      }
      let written = try await write(mine, over: found)
      let kept = LeaseRecord(lease: written)
      election.withLockedValue { $0.wrote(kept, began: began) }
    } catch let status as APIStatus where status.code == 409 {
      // Somebody else wrote; the next look tells who.
      logger.debug("\(status)")
    } catch {
      if !Task.isCancelled { logger.warning("the lease \(name): \(error)") }
    }
  }

  private func read() async throws -> JSONValue? {
    do {
      return try await client.get(.leases, namespace: namespace, name: name)
    } catch let status as APIStatus where status.code == 404 {
      return nil
    }
  }

  private func write(_ record: LeaseRecord, over found: JSONValue?) async throws -> JSONValue {
    guard var lease = found else {
      let lease: JSONValue = [
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": ["name": .string(name), "namespace": .string(namespace)],
        "spec": record.spec,
      ]
      return try await client.create(.leases, namespace: namespace, object: lease)
    }
    lease["spec"] = record.spec
    return try await client.update(.leases, namespace: namespace, name: name, object: lease)
  }

  private func release() async {
    do {
      guard var lease = try await read() else { return }
      var record = LeaseRecord(lease: lease)
      guard record.holder == identity else { return }
      record.holder = ""
      record.leaseDurationSeconds = 1
      lease["spec"] = record.spec
      _ = try await client.update(.leases, namespace: namespace, name: name, object: lease)
    } catch {
      logger.warning("the lease \(name) could not be given back: \(error)")
    }
  }
}
