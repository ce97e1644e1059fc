import Foundation

/// Bounds on what one client may send, take and leave lying about.
public struct HTTPLimits: Sendable {
  /// Upstream's bound on a request body.
  public var maximumBodyBytes = 3 * 1024 * 1024
  /// Names and values of a request's headers together. Tokens and certificates' names need a few
  /// KiB; more than this is a mistake or an attack.
  public var maximumHeaderBytes = 64 * 1024
  /// For the TLS handshake.
  public var handshakeSeconds: Int64 = 10
  /// From the first byte of waiting for a request until its head is there.
  public var headSeconds: Int64 = 32
  /// From a request's head to the end of its body.
  public var bodySeconds: Int64 = 60
  /// Between two requests of one connection.
  public var idleSeconds: Int64 = 180
  /// Between two questions whether an HTTP/2 client is still there.
  public var pingSeconds: Int64 = 30
  /// What a slow client of a watch may leave behind unread.
  public var maximumPendingStreamBytes = 8 * 1024 * 1024
  /// How long a client may take nothing of an answer that it was sent.
  public var stallSeconds: Int64 = 30
  /// Each needs a file descriptor; further ones are closed at once.
  public var maximumConnections = FileDescriptors.connections
  /// Requests under way on one HTTP/2 connection.
  public var maximumStreams = 1_000
  /// On one HTTP/2 connection: streams that the client resets. An informer that ends its watch resets a
  /// stream; a client of a thousand informers stays below. More is CVE-2023-44487.
  public var streamResets = Rate(maximum: 1_200, seconds: 12)
  /// Frames of the client that break the protocol of one stream.
  public var streamErrors = Rate(maximum: 200, seconds: 6)
  /// Settings, pings and priorities of the client.
  public var controlFrames = Rate(maximum: 500, seconds: 3)
  /// Answers to those that the client has not taken.
  public var maximumBufferedControlFrames = 2_000

  /// How often something may be done. Each connection remembers the times of so many, eight bytes for
  /// one: short spans of time keep it small.
  public struct Rate: Sendable {
    public var maximum: Int
    public var seconds: Int64
  }

  public init() {}
}

/// How many connections this process may have.
enum FileDescriptors {
  /// Kept for files, peers and clients of this process's own.
  private static let reserved = 256

  private static func limit() -> rlimit? {
    var limit = rlimit()
    let resource = __rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue))
    return getrlimit(resource, &limit) == 0 ? limit : nil
  }

  /// Shells give 1,024 though the system would allow more; a server may take what it may.
  static func raiseLimit() {
    guard var limit = limit(), limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    _ = setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit)
  }

  static var connections: Int {
    guard let limit = limit() else { return 512 }
    // As it will be once raised.
    let most = Int(clamping: max(limit.rlim_cur, min(limit.rlim_max, 65_536)))
    return max(64, min(10_000, most - reserved))
  }
}
