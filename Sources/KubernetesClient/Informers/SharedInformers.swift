import KubernetesAPI
import NIOConcurrencyHelpers

/// One informer for each resource, shared by every reconciler of a process.
///
/// Reconcilers ask for their informers and add handlers first; then `run` follows all of them.
public final class SharedInformers: Sendable {
  private let client: any KubernetesClient
  private let informers = NIOLockedValueBox<[GroupVersionResource: Informer]>([:])

  public init(client: any KubernetesClient) { self.client = client }

  public func informer(_ resource: GroupVersionResource) -> Informer {
    informers.withLockedValue { informers in
      if let informer = informers[resource] { return informer }
      let informer = Informer(client: client, resource: resource)
      informers[resource] = informer
      return informer
    }
  }

  /// Follows all resources asked for so far, until the task is cancelled.
  public func run() async {
    let all = informers.withLockedValue { Array($0.values) }
    await withTaskGroup(of: Void.self) { group in
      for informer in all { group.addTask { await informer.run() } }
    }
  }

  /// Returns once every informer asked for so far has its first list.
  public func waitForSync() async throws {
    for informer in informers.withLockedValue({ Array($0.values) }) {
      try await informer.waitForSync()
    }
  }
}
