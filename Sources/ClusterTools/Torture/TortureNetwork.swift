import ChildProcesses
import Foundation

/// Where the servers of a torture run talk to each other, and how their packets get lost.
///
/// With network namespaces each server has one of its own, joined to the others' and to this
/// process's by a bridge; nftables then drops what comes from chosen peers. Clients reach every
/// server all the time, so that what a server that is cut off answers them is seen too.
struct TortureNetwork: Sendable {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// Processes whose namespaces the servers use, by server; empty: all run on loopback.
  private let holders: [Int: Int32]
  private static let prefix = "10.77.0."

  /// All on 127.0.0.1, where no packet can be dropped.
  static let loopback = TortureNetwork(holders: [:])

  var dropsPackets: Bool { !holders.isEmpty }

  /// Must be called in network and process namespaces of this process's own, with the loopback
  /// interface up: nothing is undone here, all of it ends with them.
  static func namespaces(servers: [Int]) throws -> TortureNetwork {
    try run("ip", "link", "add", "br0", "type", "bridge")
    try run("ip", "addr", "add", prefix + "254/24", "dev", "br0")
    try run("ip", "link", "set", "br0", "up")
    var holders: [Int: Int32] = [:]
    for id in servers {
      // It says so once the namespace is there.
      let output = Pipe()
      let holder = try ChildProcess.start(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep 2000000"],
        .init(
          output: .descriptor(output.fileHandleForWriting.fileDescriptor), errors: .inherited))
      try output.fileHandleForWriting.close()
      guard try output.fileHandleForReading.read(upToCount: 1)?.isEmpty == false else {
        throw Failure(description: "no network namespace can be made")
      }
      let pid = holder.pid
      holders[id] = pid
      try run(
        "ip", "link", "add", "v\(id)", "type", "veth", "peer", "name", "eth0", "netns", "\(pid)")
      try run("ip", "link", "set", "v\(id)", "master", "br0", "up")
      let network = TortureNetwork(holders: holders)
      try network.inside(id, "ip", "addr", "add", "\(prefix)\(id)/24", "dev", "eth0")
      try network.inside(id, "ip", "link", "set", "eth0", "up")
      try network.inside(id, "ip", "link", "set", "lo", "up")
      try network.inside(id, "nft", "add table inet torture")
      try network.inside(
        id, "nft", "add chain inet torture input { type filter hook input priority 0; }")
    }
    return TortureNetwork(holders: holders)
  }

  func host(of server: Int) -> String { dropsPackets ? "\(Self.prefix)\(server)" : "127.0.0.1" }

  /// What a server's command line begins with.
  func launcher(of server: Int) -> [String] {
    holders[server].map { ["nsenter", "--net=/proc/\($0)/ns/net"] } ?? []
  }

  /// From now on `server` hears nothing of `peers`, or only a part.
  func drop(percent: Int = 100, from peers: [Int], at server: Int) throws {
    for peer in peers {
      let part = percent >= 100 ? "" : " numgen random mod 100 < \(percent)"
      try inside(
        server, "nft", "add rule inet torture input ip saddr \(Self.prefix)\(peer)\(part) drop")
    }
  }

  func heal() throws {
    for server in holders.keys { try inside(server, "nft", "flush chain inet torture input") }
  }

  private func inside(_ server: Int, _ words: String...) throws {
    try Self.run(launcher(of: server) + words)
  }

  private static func run(_ words: String...) throws { try run(words) }

  private static func run(_ words: [String]) throws {
    let result = try ChildProcess.run(words, joinsErrors: true)
    guard result.exit == .exited(0) else {
      throw Failure(description: "\(words.joined(separator: " ")): \(result.outputText)")
    }
  }
}
