import ClusterConfiguration
import Foundation
import NIOCore
import NIOPosix

/// The whole life of the process `taffrail endpoint`.
public enum EndpointRun {
  static let retryMilliseconds = 200

  /// Relays until `waitForStop` returns: from the endpoint's address, and from the bridge of the
  /// nodes as soon as that is there.
  ///
  /// - Throws: `OperationError` where the endpoint's address can't be had.
  public static func run(
    configuration: ClusterConfiguration, log: @escaping @Sendable (String) -> Void,
    waitForStop: @Sendable () async -> Void
  ) async throws {
    let proxy = EndpointProxy(backends: configuration.servers.map(\.apiAddress))
    let address = configuration.endpointAddress
    let listener: any Channel
    do {
      listener = try await proxy.listen(on: address)
    } catch {
      throw OperationError("can't listen on endpointAddress \(address): \(error)")
    }
    log("listening on \(address)")
    let checks = Task { try await proxy.checkServers(changed: log) }
    let bridge = Task {
      // An address of all interfaces includes the bridge.
      guard !configuration.nodes.isEmpty, address.host != "0.0.0.0" else { return }
      let place = configuration.nodeEndpointAddress
      while !Task.isCancelled {
        if let channel = try? await proxy.listen(on: place) {
          log("listening on \(place)")
          await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
          } onCancel: {
            channel.close(promise: nil)
          }
        } else {
          try? await Task.sleep(for: .milliseconds(retryMilliseconds))
        }
      }
    }
    await waitForStop()
    checks.cancel()
    bridge.cancel()
    try? await listener.close()
    await bridge.value
    _ = await checks.result
  }
}
