import Foundation

/// What this machine must offer for nodes that run containers.
public enum NodeRequirements {
  static let programs = [
    "containerd", "containerd-shim-runc-v2", "ctr", "runc", "nft", "ip", "nsenter", "sysctl",
  ]
  static let pluginFolder = "/usr/lib/cni"
  static let plugins = ["ptp", "host-local", "loopback"]
  static let searchPath =
    (ProcessInfo.processInfo.environment["PATH"] ?? "")
    + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

  /// What is missing, one phrase each; empty where nodes can run containers.
  public static func missing() -> [String] {
    guard geteuid() == 0 else { return ["root rights"] }
    let status = FileManager.default.contents(atPath: "/proc/self/status") ?? Data()
    return missing(
      capabilities: capabilities(status: String(decoding: status, as: UTF8.self)),
      isExecutable: { access($0, X_OK) == 0 })
  }

  static func missing(
    capabilities: UInt64, isExecutable: (String) -> Bool
  ) -> [String] {
    var missing: [String] = []
    // Numbers of linux/capability.h.
    for (bit, name) in [(12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN")]
    where capabilities & (1 << UInt64(bit)) == 0 {
      missing.append("the capability \(name)")
    }
    let folders = searchPath.split(separator: ":")
    for program in programs where !folders.contains(where: { isExecutable("\($0)/\(program)") }) {
      missing.append("the program \(program)")
    }
    for plugin in plugins where !isExecutable("\(pluginFolder)/\(plugin)") {
      missing.append("the CNI plugin \(pluginFolder)/\(plugin)")
    }
    return missing
  }

  /// The effective capabilities in the text of /proc/PID/status.
  static func capabilities(status: String) -> UInt64 {
    for line in status.split(separator: "\n") where line.hasPrefix("CapEff:") {
      return line.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0, radix: 16) } ?? 0
    }
    return 0
  }
}
