import ChildProcesses
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient
import Logging
import Synchronization

/// Keeps a node's nftables rules equal to the cluster's services. Runs inside the node's network
/// namespace.
public final class ServiceProxy: Sendable {
  /// Whether anything changed since the rules were last written, and who waits for it.
  private final class Changes: Sendable {
    private struct State {
      var isDirty = true
      var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func mark() {
      let waiter = state.withLock { state in
        state.isDirty = true
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume()
    }

    func clear() { state.withLock { $0.isDirty = false } }

    func wait() async {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isReady = state.withLock { state in
            if state.isDirty || Task.isCancelled { return true }
            state.waiter = continuation
            return false
          }
          if isReady { continuation.resume() }
        }
      } onCancel: {
        mark()
      }
    }
  }

  private let nodeName: String
  private let podRange: String
  private let tableName: String
  private let services: Informer
  private let slices: Informer
  private let logger = Logger(label: "taffrail.service-proxy")
  private let changes = Changes()

  /// - Parameter podRange: of the whole cluster, in CIDR notation.
  public init(
    client: any KubernetesClient, nodeName: String, podRange: String,
    tableName: String = "taffrail"
  ) {
    self.nodeName = nodeName
    self.podRange = podRange
    self.tableName = tableName
    services = Informer(client: client, resource: .services)
    slices = Informer(client: client, resource: .endpointSlices)
    let changed: Informer.Handler = { [changes] _ in changes.mark() }
    services.addHandler(changed)
    slices.addHandler(changed)
  }

  /// Runs until cancelled. Rules stay when it ends, so that services outlive the agent.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.services.run() }
      group.addTask { await self.slices.run() }
      group.addTask { await self.reconcile() }
      await group.next()
      group.cancelAll()
    }
  }

  private func reconcile() async {
    // Rules made from half of what there is would cut services off.
    guard (try? await services.waitForSync()) != nil, (try? await slices.waitForSync()) != nil
    else { return }
    var applied: String?
    while !Task.isCancelled {
      await changes.wait()
      if Task.isCancelled { return }
      // What changes together is written together.
      try? await Task.sleep(for: .milliseconds(20))
      changes.clear()
      let table = ServiceTable(
        services: services.list(), slices: slices.list(), nodeName: nodeName)
      let text = Ruleset(tableName: tableName, podRange: podRange, table: table).text
      if text == applied { continue }
      do {
        try await NFT.apply(text)
        applied = text
        logger.debug("\(table.ports.count) service ports")
      } catch {
        logger.error("the rules for services can't be written: \(error)")
        changes.mark()
        try? await Task.sleep(for: .seconds(1))
      }
    }
  }
}

/// Runs `nft`, which must be on the PATH or in /usr/sbin.
enum NFT {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// Applies a ruleset in one transaction.
  static func apply(_ text: String) async throws {
    try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Void, any Error>) in
      // Waiting for a process blocks.
      OwnThread.run {
        continuation.resume(with: Result { try run(text) })
      }
    }
  }

  private static func run(_ text: String) throws {
    let result = try ChildProcess.run(["nft", "-f", "-"], input: Array(text.utf8))
    guard result.exit == .exited(0) else {
      throw Failure(description: String(decoding: result.errors.prefix(2_000), as: UTF8.self))
    }
  }
}
