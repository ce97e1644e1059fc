import Foundation

/// CPU time of the servers, and of the load generator beside them, during one measurement.
struct CPUMeter {
  private let processes: [Int32]
  private let servers: Double
  private let own: Double
  private let start = ContinuousClock.now

  init(_ processes: [Int32]) {
    self.processes = processes
    servers = Self.seconds(processes)
    own = Self.seconds([getpid()])
  }

  private static func seconds(_ processes: [Int32]) -> Double {
    processes.reduce(0) { $0 + (ProcessFigures.of($1)?.cpuSeconds ?? 0) }
  }

  /// Adds what the servers took for each of `count`, and the generator's share of one core.
  func add(_ name: String, count: Int, to report: inout BenchReport, part: String) {
    let elapsed = Double(nanoseconds(ContinuousClock.now - start)) / 1e9
    let servers = Self.seconds(processes) - self.servers
    let own = Self.seconds([getpid()]) - self.own
    report.add(
      part, "\(name): CPU of the servers", servers * 1e6 / Double(max(count, 1)), "µs each")
    report.add(part, "\(name): load generator", own / max(elapsed, 1e-9) * 100, "% of a core")
  }
}
