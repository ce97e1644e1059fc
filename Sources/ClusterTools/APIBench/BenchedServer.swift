import ChildProcesses
import Foundation
import KubernetesClient

/// A server of its own process, alone, without controllers: started, timed and stopped.
final class BenchedServer {
  let process: ChildProcess
  let kubeconfig: KubeConfiguration
  /// From the start of the process to an answer of 200 at `/readyz`.
  let readyMilliseconds: Double

  var pid: Int32 { process.pid }

  static func start(binary: String, data: String) async throws -> BenchedServer {
    let path = data + "/kubeconfig"
    try? FileManager.default.removeItem(atPath: path)
    let start = ContinuousClock.now
    let process = try ChildProcess.start(
      [
        binary, "server", "--standalone", "--data", data, "--api", "127.0.0.1:0", "--controllers",
        "none", "--disable-admission-plugins", "ServiceAccount",
      ], .init(errors: .inherited))
    // The file is written once the server is ready, and says on which port.
    while !FileManager.default.fileExists(atPath: path) {
      guard process.isRunning else {
        throw LoadGenerator.Failure(description: "the server that was to be measured has ended")
      }
      try await Task.sleep(for: .milliseconds(2))
    }
    let kubeconfig = try KubeConfiguration.load(path: path)
    let client = try HTTPSClient(
      configuration: kubeconfig,
      options: .init(
        userAgent: "taffrail-bench", requestTimeoutSeconds: 60, retryBudgetMilliseconds: 0))
    while try await client.raw(method: "GET", path: "/readyz").status != 200 {
      try await Task.sleep(for: .milliseconds(2))
    }
    let elapsed = Double(nanoseconds(ContinuousClock.now - start)) / 1e6
    client.shutDown()
    return BenchedServer(process: process, kubeconfig: kubeconfig, readyMilliseconds: elapsed)
  }

  private init(process: ChildProcess, kubeconfig: KubeConfiguration, readyMilliseconds: Double) {
    self.process = process
    self.kubeconfig = kubeconfig
    self.readyMilliseconds = readyMilliseconds
  }

  func stop() {
    process.terminateAndWait()
  }
}
