import ClusterConfiguration
import Foundation
import PodNetwork

/// Makes the nodes of this machine, and takes them apart.
public struct NodeSetup: Sendable {
  let plan: ClusterPlan
  let supervisor: Supervisor

  static let retrySeconds = 5

  /// Makes the network and starts each node's runtime and agent; tries again what fails, until the
  /// supervisor stops or the task is cancelled.
  public func run() async {
    await retrying("the network of the nodes") {
      try await CommandRunner.check(plan.network.up)
    }
    await withTaskGroup(of: Void.self) { group in
      for node in plan.configuration.nodes {
        group.addTask { await start(node) }
      }
    }
  }

  private func start(_ node: ClusterConfiguration.Node) async {
    let runtime = ClusterPlan.runtime(of: node, home: plan.home)
    await retrying("the folders of \(node.name)") { try runtime.prepare() }
    guard !isOver else { return }
    supervisor.add(plan.containerRuntime(of: node))
    await retrying("the images of \(node.name)") {
      try await runtime.waitUntilServing()
      try await runtime.importImages(images())
    }
    guard !isOver, let agent = plan.nodeAgent(of: node) else { return }
    supervisor.add(agent)
  }

  private var isOver: Bool { Task.isCancelled || supervisor.isStopping }

  private func images() -> [String] {
    let folder = plan.home.imagesFolder
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".tar") }.sorted().map { "\(folder)/\($0)" }
  }

  private func retrying(_ what: String, _ body: () async throws -> Void) async {
    while !isOver {
      do {
        try await body()
        return
      } catch {
        supervisor.log("\(what): \(error); trying again in \(Self.retrySeconds) s")
        try? await Task.sleep(for: .seconds(Self.retrySeconds))
      }
    }
  }

  /// Ends and removes all that nodes leave on the machine outside of the home folder; harmless when
  /// there is nothing.
  ///
  /// - Returns: what could not be removed, one line each.
  public static func tearDown(configuration: ClusterConfiguration, home: TaffrailHome) async
    -> [String]
  {
    var failures: [String] = []
    for node in configuration.nodes {
      do {
        try await ClusterPlan.runtime(of: node, home: home).destroy(removingState: false)
      } catch {
        failures.append("\(node.name): \(error)")
      }
    }
    for command in ClusterPlan.network(configuration: configuration, home: home).down {
      do {
        try await CommandRunner.check(command)
      } catch {
        failures.append("\(error)")
      }
    }
    return failures
  }
}
