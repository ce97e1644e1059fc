import ClusterConfiguration
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Synchronization

/// Kills or stops the leader's process while writers and a watcher run, and proves that nothing was
/// lost.
public struct FailoverDrill: Sendable {
  public enum Fault: Sendable {
    /// SIGKILL: the others' connections to it break.
    case kill
    /// SIGSTOP: it falls silent, and its connections stay; it goes on after the first write.
    case silence

    var signal: Int32 { self == .kill ? SIGKILL : SIGSTOP }
    var done: String { self == .kill ? "killed" : "stopped" }
  }

  public struct Report: Sendable {
    /// Milliseconds since the kill, in order.
    public var timeline: [(label: String, milliseconds: Double)] = []
    /// From the signal to the end of the first write that was begun after it, through any of the
    /// other servers.
    public var failoverMilliseconds: Double = 0
    public var acknowledgedWrites = 0
    public var watchedEvents = 0
    /// What did not hold; empty when all did.
    public var violations: [String] = []
  }

  /// What a drill could not even begin with, or never saw.
  public struct Failure: Error, CustomStringConvertible {
    public var description: String
  }

  public var clients: ClusterClients
  /// Writers that create objects as fast as they are answered.
  public var writers: Int
  public var fault = Fault.kill
  /// Whether to wait for a supervisor to bring the killed server back.
  public var awaitsReturn: Bool
  public var timeoutSeconds: Double = 30

  public init(
    clients: ClusterClients, writers: Int = 4, fault: Fault = .kill, awaitsReturn: Bool = true
  ) {
    self.clients = clients
    self.writers = writers
    self.fault = fault
    self.awaitsReturn = awaitsReturn
  }

  public func run(report progress: @escaping @Sendable (String) -> Void) async throws -> Report {
    let status = await clients.status()
    guard let leader = status.leader, let pid = leader.pid, pid > 1 else {
      throw Failure(
        description: "no server says that it leads; see `taffrail cluster status`, and"
          + " `taffrail up` to start the cluster")
    }
    let namespace = "failover-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
    _ = try await clients.endpoint.create(
      .namespaces, namespace: nil,
      object: ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(namespace)]])
    do {
      let report = try await drill(
        leader: leader, pid: Int32(clamping: pid), namespace: namespace, progress: progress)
      try? await clients.endpoint.delete(
        .namespaces, namespace: nil, name: namespace, options: DeleteOptions())
      return report
    } catch {
      try? await clients.endpoint.delete(
        .namespaces, namespace: nil, name: namespace, options: DeleteOptions())
      throw error
    }
  }

  private func drill(
    leader: ClusterStatus.Replica, pid: Int32, namespace: String,
    progress: @escaping @Sendable (String) -> Void
  ) async throws -> Report {
    let record = DrillRecord()
    let start = try await clients.endpoint.list(
      .configMaps, namespace: namespace, options: ListOptions())
    let watcher = Task {
      await watch(namespace: namespace, from: start.resourceVersion, into: record)
    }
    let writing = (0..<writers).map { writer in
      Task { await write(writer: writer, namespace: namespace, into: record) }
    }
    defer {
      watcher.cancel()
      for task in writing { task.cancel() }
    }
    try await record.wait(timeoutSeconds: timeoutSeconds, for: "the writers to begin") {
      $0.acknowledged.count >= 20
    }
    progress("replica \(leader.id) leads (pid \(pid)); writing and watching")

    let killed = ContinuousClock.now
    record.state.withLock { $0.killed = killed }
    guard Foundation.kill(pid, fault.signal) == 0 else {
      throw Failure(
        description: "process \(pid) can't be \(fault.done): \(String(cString: strerror(errno)))")
    }
    defer { if fault == .silence { _ = Foundation.kill(pid, SIGCONT) } }
    func since(_ moment: ContinuousClock.Instant) -> Double {
      Double((moment - killed).components.attoseconds) / 1e15
        + Double((moment - killed).components.seconds) * 1e3
    }
    var report = Report()
    report.timeline.append(("\(fault.done) replica \(leader.id), pid \(pid)", 0))
    let survivors = clients.servers.filter { $0.id != leader.id }
    let probes = survivors.map { server in
      Task { await probe(server.client, id: server.id, namespace: namespace, into: record) }
    }
    defer { for probe in probes { probe.cancel() } }
    let observation = Task { await observe(survivors, oldLeader: Int64(leader.id)) }
    try await record.wait(timeoutSeconds: timeoutSeconds, for: "a write without the leader") {
      $0.firstWrite != nil
    }
    let seen = await observation.value
    if let noticed = seen.noticed {
      report.timeline.append(("noticed by replica \(noticed.id)", since(noticed.at)))
    }
    if let elected = seen.elected {
      report.timeline.append(
        ("new leader: replica \(elected.id), term \(elected.term)", since(elected.at)))
    }
    if let first = record.state.withLock({ $0.firstWrite }) {
      report.failoverMilliseconds = since(first)
      report.timeline.append(("first write", since(first)))
    }
    if fault == .silence { _ = Foundation.kill(pid, SIGCONT) }
    if awaitsReturn {
      let back = try await waitForReturn(of: leader, oldPid: Int64(pid))
      report.timeline.append(("\(fault.done) replica back, pid \(back.pid)", since(back.answered)))
      report.timeline.append(("\(fault.done) replica caught up", since(back.caughtUp)))
    }
    report.timeline.sort { $0.milliseconds < $1.milliseconds }
    record.state.withLock { $0.isStopping = true }
    for task in writing { await task.value }
    try await prove(namespace: namespace, record: record, report: &report)
    return report
  }

  /// Lists what is there, and waits until the watcher has come to the same revision.
  private func prove(namespace: String, record: DrillRecord, report: inout Report) async throws {
    let list = try await retrying {
      try await clients.endpoint.list(.configMaps, namespace: namespace, options: ListOptions())
    }
    var listed: [String: UInt64] = [:]
    for item in list.items where item.at("metadata", "labels", "drill") != nil {
      if let name = item.at("metadata", "name")?.stringValue {
        listed[name] = UInt64(item.at("metadata", "resourceVersion")?.stringValue ?? "") ?? 0
      }
    }
    let last = listed.values.max() ?? 0
    // A watcher that misses the last event shows up as a violation, not as a hang.
    try? await record.wait(timeoutSeconds: 10, for: "the watcher") {
      ($0.watched.last?.revision ?? 0) >= last
    }
    var check = DrillCheck()
    record.state.withLock { state in
      check.acknowledged = state.acknowledged
      check.watched = state.watched
    }
    check.listed = listed
    report.acknowledgedWrites = check.acknowledged.count
    report.watchedEvents = check.watched.count
    report.violations = check.violations
  }

  private func retrying<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    let deadline = ContinuousClock.now + .seconds(timeoutSeconds)
    while true {
      do {
        return try await body()
      } catch {
        guard ContinuousClock.now < deadline else { throw error }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }
}
