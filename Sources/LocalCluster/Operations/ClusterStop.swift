import ChildProcesses
import ClusterConfiguration
import Foundation
import PodNetwork

/// Stops everything that `ClusterStart` started, also after its supervisor was killed.
public struct ClusterStop: Sendable {
  /// The stages' timeouts together, and some for taking nodes apart.
  static let supervisorSeconds = 60

  let configuration: ClusterConfiguration
  let home: TaffrailHome
  let progress: ProgressReport

  public init(
    configuration: ClusterConfiguration, home: TaffrailHome,
    progress: ProgressReport = ProgressReport()
  ) {
    // What runs is what was started, not what the file says by now.
    let started = try? ClusterConfiguration.load(path: home.runningConfiguration)
    self.configuration = started ?? configuration
    self.home = home
    self.progress = progress
  }

  /// Harmless when nothing runs. `wipe`: removes the home folder as well.
  ///
  /// - Throws: an error that says what is left.
  public func run(wipe: Bool) async throws {
    guard home.exists else {
      progress.note("There is no cluster in \(home.path).")
      return
    }
    if let supervisor = ProcessIdentity.running(pidFile: home.pidFile("supervisor")) {
      try await progress.step("Stopping the cluster") {
        supervisor.signal(SIGTERM)
        if try await !ended([supervisor], withinSeconds: Self.supervisorSeconds) {
          supervisor.signal(SIGKILL)
          _ = try await ended([supervisor], withinSeconds: 5)
        }
      }
    }
    let left = RunningProcesses.all(home: home)
    if !left.isEmpty {
      try await progress.step("Stopping \(left.map(\.name).joined(separator: ", "))") {
        try await stop(left)
      }
    }
    if !configuration.nodes.isEmpty, NodeRequirements.missing().isEmpty {
      let failures = await NodeSetup.tearDown(configuration: configuration, home: home)
      guard failures.isEmpty else {
        throw OperationError(
          "not everything could be removed:\n\(failures.joined(separator: "\n"))")
      }
    }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: home.runFolder)) ?? [] {
      if name.hasSuffix(".pid") { unlink("\(home.runFolder)/\(name)") }
    }
    unlink(home.runningConfiguration)
    if wipe {
      try await progress.step("Removing \(home.path)") {
        try refuseMounts()
        try home.wipe()
      }
    }
  }

  /// Ends processes that no supervisor cares for, in the order of their stages.
  private func stop(_ processes: [(name: String, process: ProcessIdentity)]) async throws {
    for stage in ProcessSpecification.Stage.allCases.reversed() {
      let members = processes.filter { ProcessSpecification.stage(ofName: $0.name) == stage }
        .map(\.process)
      for process in members { process.signal(SIGTERM) }
      let seconds = Int(stage.stopTimeoutMilliseconds / 1000)
      if try await ended(members, withinSeconds: seconds) { continue }
      for process in members { process.signal(SIGKILL) }
      guard try await ended(members, withinSeconds: 5) else {
        let pids = members.filter(\.isRunning).map { String($0.pid) }
        throw OperationError("could not end the processes \(pids.joined(separator: ", "))")
      }
    }
  }

  private func ended(_ processes: [ProcessIdentity], withinSeconds seconds: Int) async throws
    -> Bool
  {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while processes.contains(where: \.isRunning) {
      guard ContinuousClock.now < deadline else { return false }
      try await Task.sleep(for: .milliseconds(20))
    }
    return true
  }

  /// Removing a folder reaches through mounts in it, into files that are not the cluster's.
  private func refuseMounts() throws {
    let table = KernelFile.read("/proc/self/mounts") ?? []
    let prefix = home.path + "/"
    for line in String(decoding: table, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count >= 2, fields[1].hasPrefix(prefix) {
        throw OperationError("\(fields[1]) is still mounted; unmount it and try again")
      }
    }
  }
}
