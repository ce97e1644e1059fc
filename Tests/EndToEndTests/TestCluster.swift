import Foundation
import Testing

/// A cluster of three servers in a folder of its own, driven through the commands that people use.
struct TestCluster: Sendable {
  /// Holds cluster.conf and what the test itself writes.
  let root: String
  let home: String
  let shell: Shell
  let repository: String
  let binary: String
  /// Whether its nodes do; hollow ones need no images.
  let runsContainers: Bool
  var configuration: String { root + "/cluster.conf" }

  /// - Parameter hollowNodes: how many nodes that run nothing take the place of the two that do.
  init(hollowNodes: Int? = nil) throws {
    runsContainers = hollowNodes == nil
    repository = FileManager.default.currentDirectoryPath
    binary =
      ProcessInfo.processInfo.environment["TAFFRAIL_BINARY"]
      ?? repository + "/.build/release/taffrail"
    root = "/tmp/taffrail-test-\(UUID().uuidString.prefix(8).lowercased())"
    home = root + "/home"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    shell = Shell(environment: [
      "TAFFRAIL_HOME": home, "KUBECONFIG": home + "/kubeconfig", "TAFFRAIL_BINARY": binary,
    ])
    // The repository's own cluster.conf, moved to ports and networks that a cluster beside it
    // would not use.
    var text = try String(contentsOfFile: repository + "/cluster.conf", encoding: .utf8)
    for (from, to) in Self.relocations {
      text = text.replacingOccurrences(of: from, with: to)
    }
    if let hollowNodes {
      let nodes = try #require(text.range(of: "\nnodes:\n"))
      text = String(text[..<nodes.lowerBound]) + "\nnodes: []\nhollowNodes: \(hollowNodes)\n"
    }
    try text.write(toFile: configuration, atomically: true, encoding: .utf8)
  }

  static let relocations = [
    ("127.0.0.1:710", "127.0.0.1:1710"), ("127.0.0.1:744", "127.0.0.1:1744"),
    ("127.0.0.1:6443", "127.0.0.1:16443"), ("172.29.66.", "172.29.67."),
    ("10.244.", "10.245."), ("10.96.", "10.97."),
  ]

  @discardableResult
  func taffrail(_ arguments: String..., timeoutSeconds: Double = 60) -> CommandResult {
    shell.run([binary] + arguments, timeoutSeconds: timeoutSeconds)
  }

  @discardableResult
  func kubectl(_ arguments: String..., input: String? = nil, timeoutSeconds: Double = 60)
    -> CommandResult
  {
    shell.run(["kubectl"] + arguments, input: input, timeoutSeconds: timeoutSeconds)
  }

  func kubectlUntil(
    _ arguments: String..., timeoutSeconds: Double = 60, isDone: (CommandResult) -> Bool
  ) -> CommandResult {
    shell.until(["kubectl"] + arguments, timeoutSeconds: timeoutSeconds, isDone: isDone)
  }

  func up() -> CommandResult {
    var command = [binary, "up", "--config", configuration]
    if runsContainers {
      command += [
        "--images",
        ProcessInfo.processInfo.environment["TAFFRAIL_IMAGES"] ?? repository + "/.build/images",
      ]
    }
    return shell.run(command, timeoutSeconds: 180)
  }

  func down() -> CommandResult {
    shell.run([binary, "down", "--config", configuration, "--wipe"], timeoutSeconds: 120)
  }

  /// The pids of the three servers, by id, as `cluster status` reports them.
  func serverProcesses() throws -> [Int: Int32] {
    let result = taffrail("cluster", "status", "--config", configuration, "-o", "json")
    let status = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any],
      "\(result)")
    var processes: [Int: Int32] = [:]
    for replica in status["replicas"] as? [[String: Any]] ?? [] {
      if let id = replica["id"] as? Int, let pid = replica["pid"] as? Int {
        processes[id] = Int32(pid)
      }
    }
    return processes
  }
}

extension CommandResult {
  /// Records a failure with the whole command and its output unless it succeeded and printed
  /// every one of `texts`.
  func expect(
    _ texts: String..., status: Int32 = 0, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(self.status == status, "\(self)", sourceLocation: sourceLocation)
    for text in texts {
      #expect(
        (output + errors).contains(text), "no “\(text)” in\n\(self)",
        sourceLocation: sourceLocation)
    }
  }
}
