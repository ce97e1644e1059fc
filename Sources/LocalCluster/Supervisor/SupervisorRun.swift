import ClusterConfiguration
import Foundation

/// The whole life of the process `taffrail supervise`.
public enum SupervisorRun {
  static let rotationSeconds = 5

  /// Starts the cluster, keeps it running until `waitForStop` returns, and stops it.
  ///
  /// - Throws: `HomeError` where another supervisor runs or the home folder can't be used.
  public static func run(
    plan: ClusterPlan, waitForStop: @escaping @Sendable () async -> Void
  ) async throws {
    let home = plan.home
    guard let lock = try FileLock.attempt(path: "\(home.runFolder)/supervisor.lock") else {
      throw HomeError(path: home.path, message: "another supervisor runs this cluster already")
    }
    defer { withExtendedLifetime(lock) {} }
    if let own = ProcessIdentity.running(pid: getpid()) {
      try AtomicFile.write(own.text, to: home.pidFile("supervisor"), mode: 0o644)
    }
    // What `taffrail down` takes apart is what was started, also if the file changes meanwhile.
    if let text = try AtomicFile.read(plan.configuration.path) {
      try AtomicFile.write(text, to: home.runningConfiguration, mode: 0o644)
    }

    let supervisor = Supervisor(home: home)
    for specification in plan.controlPlane { supervisor.add(specification) }
    if let hollow = plan.hollowNodes { supervisor.add(hollow) }
    let hasNodes = plan.runsContainers && !plan.configuration.nodes.isEmpty
    let nodes = Task {
      if hasNodes { await NodeSetup(plan: plan, supervisor: supervisor).run() }
    }
    let rotation = Task.detached {
      while !Task.isCancelled {
        LogRotation.rotate(folder: home.logsFolder)
        try? await Task.sleep(for: .seconds(rotationSeconds))
      }
    }

    await waitForStop()
    supervisor.stop()
    nodes.cancel()
    rotation.cancel()
    await nodes.value
    await supervisor.waitUntilFinished()
    if hasNodes {
      for failure in await NodeSetup.tearDown(configuration: plan.configuration, home: home) {
        supervisor.log(failure)
      }
    }
    supervisor.log("stopped")
    unlink(home.runningConfiguration)
    unlink(home.pidFile("supervisor"))
  }
}
