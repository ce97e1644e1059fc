import ChildProcesses
import Foundation

/// Three etcd servers on the loopback interface, in a folder that goes with them.
final class EtcdCluster {
  struct Failure: Error, CustomStringConvertible { var description: String }

  private static let places = ["/usr/bin/etcd", "/usr/local/bin/etcd"]

  let clients: [(host: String, port: Int)]
  private let folder: String
  private var servers: [ChildProcess] = []

  var processes: [Int32] { servers.map(\.pid) }

  /// Where etcd is; Debian's package etcd-server has it.
  static func binary() throws -> String {
    let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
      .map { "\($0)/etcd" }
    guard
      let found = (path + places).first(where: FileManager.default.isExecutableFile(atPath:))
    else {
      throw Failure(description: "there is no etcd on this machine: apt-get install etcd-server")
    }
    return found
  }

  /// `etcd Version: 3.4.23`.
  static func version(_ binary: String) -> String {
    guard let result = try? ChildProcess.run([binary, "--version"]) else { return "unknown" }
    return result.outputText.split(separator: "\n").first.map(String.init) ?? "unknown"
  }

  init(binary: String, folder: String) throws {
    self.folder = folder
    let ports = try Self.freePorts(6)
    let names = ["one", "two", "three"]
    let initial = zip(names, ports[3...]).map { "\($0)=http://127.0.0.1:\($1)" }
      .joined(separator: ",")
    clients = ports[..<3].map { ("127.0.0.1", $0) }
    for (number, name) in names.enumerated() {
      let client = "http://127.0.0.1:\(ports[number])"
      let peer = "http://127.0.0.1:\(ports[3 + number])"
      let command = [
        binary, "--name", name, "--data-dir", "\(folder)/\(name)", "--listen-client-urls", client,
        "--advertise-client-urls", client, "--listen-peer-urls", peer,
        "--initial-advertise-peer-urls", peer, "--initial-cluster", initial,
        "--initial-cluster-state", "new", "--log-level", "error",
      ]
      do { servers.append(try ChildProcess.start(command)) } catch {
        stop()
        throw Failure(description: "can't start etcd: \(error)")
      }
    }
  }

  func stop() {
    for server in servers { server.signal(SIGKILL) }
    for server in servers { server.wait() }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Ports that nobody has at the moment.
  private static func freePorts(_ count: Int) throws -> [Int] {
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      descriptors.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard isBound else { throw Failure(description: "there is no free port on 127.0.0.1") }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }
}
