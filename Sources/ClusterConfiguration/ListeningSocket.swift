import ChildProcesses
import Foundation

/// A TCP port that somebody on this machine listens on.
struct ListeningSocket: Hashable {
  /// 0.0.0.0 for all, also where it listens on IPv6.
  var address: IPv4Address
  var port: Int
  var inode: UInt64

  /// The listening sockets of /proc/net/tcp or /proc/net/tcp6.
  static func parse(_ table: String) -> [ListeningSocket] {
    table.split(separator: "\n").dropFirst().compactMap { line in
      // Columns: number, local address, remote address, state, queues, timer, retransmits, user,
      // timeout, inode. State 0A is LISTEN.
      let fields = line.split(separator: " ")
      guard fields.count >= 10, fields[3] == "0A", let inode = UInt64(fields[9]) else { return nil }
      let local = fields[1].split(separator: ":")
      guard local.count == 2, let port = Int(local[1], radix: 16) else { return nil }
      // IPv4 addresses are printed as one number in the machine's byte order.
      let bytes = local[0].utf8.count == 8 ? UInt32(local[0], radix: 16) : 0
      guard let bytes else { return nil }
      return ListeningSocket(
        address: IPv4Address(rawValue: bytes.byteSwapped), port: port, inode: inode)
    }
  }

  /// Whether it keeps another from listening on `place`.
  func blocks(_ place: HostPort) -> Bool {
    guard place.port == port else { return false }
    let any = IPv4Address(rawValue: 0)
    let wanted = place.host == "localhost" ? .loopback : IPv4Address(place.host)
    return address == any || wanted == nil || wanted == any || wanted == address
  }

  static func all() -> [ListeningSocket] {
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap {
      parse(String(decoding: KernelFile.read($0) ?? [], as: UTF8.self))
    }
  }

  /// The process that holds it; nil where that can't be seen.
  func holder() -> Int32? {
    let files = FileManager.default
    let target = "socket:[\(inode)]"
    for entry in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] {
      guard let pid = Int32(entry) else { continue }
      let folder = "/proc/\(pid)/fd"
      for name in (try? files.contentsOfDirectory(atPath: folder)) ?? []
      where (try? files.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")) == target {
        return pid
      }
    }
    return nil
  }
}

/// Finds addresses of the cluster that other programs hold.
public enum PortCheck {
  /// A sentence for each address that is taken by a process not among `own`.
  public static func conflicts(
    _ configuration: ClusterConfiguration, own: Set<Int32>
  ) -> [String] {
    let places =
      configuration.servers.flatMap(places) + [("endpointAddress", configuration.endpointAddress)]
    return conflicts(places, own: own, path: configuration.path)
  }

  /// The same for the addresses of one server, of which one is known to be taken.
  public static func conflicts(
    of server: ClusterConfiguration.Server, in configuration: ClusterConfiguration
  ) -> [String] {
    conflicts(places(of: server), own: [getpid()], path: configuration.path)
  }

  /// Who has `place`, which is known to be taken, such as `process 4711 (nginx)`; nil where that
  /// can't be seen.
  public static func holder(of place: HostPort) -> String? {
    ListeningSocket.all().first { $0.blocks(place) }.map { describe($0.holder()) }
  }

  private static func places(of server: ClusterConfiguration.Server) -> [(String, HostPort)] {
    [
      ("peerAddress of server \(server.id)", server.peerAddress),
      ("apiAddress of server \(server.id)", server.apiAddress),
    ]
  }

  private static func conflicts(
    _ places: [(String, HostPort)], own: Set<Int32>, path: String
  ) -> [String] {
    let sockets = ListeningSocket.all()
    return places.compactMap { what, place in
      guard let socket = sockets.first(where: { $0.blocks(place) }) else { return nil }
      let holder = socket.holder()
      if let holder, own.contains(holder) { return nil }
      return "\(place), the \(what), is in use by \(describe(holder)): stop it, or choose another "
        + "in \(path)"
    }
  }

  private static func describe(_ holder: Int32?) -> String {
    guard let holder else { return "another process" }
    let name = FileManager.default.contents(atPath: "/proc/\(holder)/comm").map {
      String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
    return "process \(holder) (\(name ?? "?"))"
  }
}
