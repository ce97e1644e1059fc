import Foundation
import KubernetesClient
import NIOCore
import NIOPosix

/// Sends malformed requests to a server of its own, and sees that each is refused and none does
/// harm.
public struct FuzzRun: Sendable {
  public struct Outcome: Sendable {
    public var requests = 0
    public var connections = 0
    public var byStatus: [Int: Int] = [:]
    /// Bad by construction, and yet not answered with 4xx; the first few.
    public var violations: [String] = []
    public var megabytesBefore = 0.0
    public var megabytesAfter = 0.0
    public var descriptorsBefore = 0
    public var descriptorsAfter = 0
  }

  /// More than this is a leak: after the first tenth, by when all is warm.
  static let allowedGrowthMegabytes = 100.0

  public var binary: String
  public var folder: String
  public var count: Int
  public var seed: UInt64

  public init(binary: String, folder: String, count: Int, seed: UInt64) {
    self.binary = binary
    self.folder = folder
    self.count = count
    self.seed = seed
  }

  public func run(progress: (String) -> Void) async throws -> Outcome {
    let server = try await BenchedServer.start(binary: binary, data: folder)
    defer { server.stop() }
    let place = [(host: server.kubeconfig.host, port: server.kubeconfig.port)]
    let generator = try LoadGenerator(kubeconfig: server.kubeconfig, servers: place)
    var fuzzer = RequestFuzzer(seed: seed)
    var outcome = Outcome()
    var connections = try await generator.connect(1)
    for number in 0..<count {
      if number == count / 10 {
        outcome.megabytesBefore = ProcessFigures.of(server.pid)?.residentMegabytes ?? 0
        outcome.descriptorsBefore = Self.descriptors(server.pid)
      }
      if number > 0, number % 10_000 == 0 { progress("\(number) of \(count)") }
      switch fuzzer.next() {
      case .request(let request, let mayWork):
        outcome.requests += 1
        var answer = try await connections.one(request, keptBytes: 300)
        if answer.status == 0 {
          // The connection itself was refused: as good as 4xx, if the server lives.
          connections = try await generator.connect(1)
          answer.status = 400
        }
        outcome.byStatus[answer.status, default: 0] += 1
        let isRefused = (400..<500).contains(answer.status)
        let works = mayWork && (200..<300).contains(answer.status)
        if !isRefused, !works, outcome.violations.count < 10 {
          outcome.violations.append(
            "request \(number) (\(request.method) \(request.path.prefix(120))) was answered with "
              + "\(answer.status): \(answer.beginning)")
        }
      case .bytes(let bytes, let isHTTP2):
        outcome.connections += 1
        try await generator.throwBytes(bytes, isHTTP2: isHTTP2)
      }
      guard server.process.isRunning else {
        outcome.violations.append("the server has ended at request \(number)")
        return outcome
      }
    }
    let health = try await connections.one(.get("/readyz"))
    if health.status != 200 {
      outcome.violations.append("at last /readyz was answered with \(health.status)")
    }
    try await connections.close()
    await generator.shutDown()
    outcome.megabytesAfter = ProcessFigures.of(server.pid)?.residentMegabytes ?? 0
    outcome.descriptorsAfter = Self.descriptors(server.pid)
    if outcome.megabytesAfter - outcome.megabytesBefore > Self.allowedGrowthMegabytes {
      outcome.violations.append(
        "memory grew from \(figure(outcome.megabytesBefore)) to "
          + "\(figure(outcome.megabytesAfter)) MB")
    }
    if outcome.descriptorsAfter > outcome.descriptorsBefore + 16 {
      outcome.violations.append(
        "open descriptors grew from \(outcome.descriptorsBefore) to \(outcome.descriptorsAfter)")
    }
    return outcome
  }

  private static func descriptors(_ pid: Int32) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
  }
}
