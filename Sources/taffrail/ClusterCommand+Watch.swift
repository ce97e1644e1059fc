import ArgumentParser
import ClusterTools
import Foundation

extension ClusterCommand {
  struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Follow the replicas: role, term, commit, lag, writes a second, log size.",
      discussion: """
        A terminal is redrawn in place, with a bar for each replica that catches up or receives \
        the state; Ctrl-C ends it. Into a pipe or a file each look is printed below the last one.
        """)

    @OptionGroup var options: ConfigurationOptions
    @Option(name: .shortAndLong, help: "Seconds between two looks.")
    var interval = 1.0
    @Option(help: "How many looks; without it, until it is ended.")
    var count: Int?

    func validate() throws {
      guard (0.1...3_600).contains(interval) else {
        throw ValidationError("--interval must be 0.1 to 3600 seconds, not \(interval)")
      }
      guard (count ?? 1) > 0 else { throw ValidationError("--count must be at least 1") }
    }

    func run() async throws {
      let (configuration, home) = try options.load()
      let clients = try ClusterClients(
        configuration: configuration, home: home, userAgent: "taffrail-cluster")
      defer { clients.shutDown() }
      let isTerminal = isatty(STDOUT_FILENO) == 1
      var view = ClusterWatchView(name: configuration.name, isTerminal: isTerminal)
      let start = ContinuousClock.now
      var looks = 0
      while count.map({ looks < $0 }) ?? true {
        if looks > 0 { try await Task.sleep(for: .milliseconds(Int(interval * 1_000))) }
        let status = await clients.status()
        let passed = (ContinuousClock.now - start) / .seconds(1)
        FileHandle.standardOutput.write(
          Data(view.frame(status, atSeconds: passed, columns: Self.columns).utf8))
        looks += 1
      }
    }

    private static var columns: Int {
      var size = winsize()
      guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
        // A pipe or a file: no line is too long.
        return .max
      }
      return Int(size.ws_col)
    }
  }
}
