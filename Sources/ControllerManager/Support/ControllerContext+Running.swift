import KubernetesClient

extension ControllerContext {
  /// Reconciles what is in `queue` until the task is cancelled or the queue is shut down.
  ///
  /// - Parameter workers: how many keys are worked on at one time; `nil`: as many as the options
  ///   say.
  func run<Key>(
    _ queue: WorkQueue<Key>, workers: Int? = nil,
    reconcile: @escaping @Sendable (Key) async throws -> Requeue?
  ) async {
    await Controller(
      name: name, queue: queue, workers: workers ?? options.workers, reconcile: reconcile
    ).run()
  }
}
