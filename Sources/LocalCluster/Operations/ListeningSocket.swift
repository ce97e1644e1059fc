import ClusterConfiguration
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
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
      parse(
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
      )
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
enum PortCheck {
  /// A sentence for each address that is taken by a process not among `own`.
  static func conflicts(
    _ configuration: ClusterConfiguration, own: Set<Int32>
  ) -> [String] {
    var places = configuration.servers.flatMap { server in
      [
        ("peerAddress of server \(server.id)", server.peerAddress),
        ("apiAddress of server \(server.id)", server.apiAddress),
      ]
    }
    places.append(("endpointAddress", configuration.endpointAddress))
    let sockets = ListeningSocket.all()
    return places.compactMap { what, place in
      guard let socket = sockets.first(where: { $0.blocks(place) }) else { return nil }
      let holder = socket.holder()
      if let holder, own.contains(holder) { return nil }
      let name = holder.flatMap { pid in
        FileManager.default.contents(atPath: "/proc/\(pid)/comm").map {
          String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
      }
      let who = holder.map { "process \($0) (\(name ?? "?"))" } ?? "another process"
      return "\(place), the \(what), is in use by \(who): stop it, or choose another in "
        + configuration.path
    }
  }
}
