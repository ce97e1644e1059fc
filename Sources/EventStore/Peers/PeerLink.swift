import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Raft

/// The connection by which this replica sends to one peer; made again whenever it breaks.
///
/// What can't be sent is dropped, the oldest first: the consensus sends again what matters.
///
/// `@unchecked Sendable`: after `init`, everything runs on `eventLoop`, which is checked.
final class PeerLink: @unchecked Sendable {
  private enum State {
    case idle
    case connecting
    case ready(any Channel)
    case waiting(Scheduled<Void>)
    case closed
  }

  static let maximumBacklogBytes = 16 << 20
  private static let frameBytes = 4 << 20
  private static let firstDelayMilliseconds: Int64 = 10
  private static let lastDelayMilliseconds: Int64 = 500
  /// A refusal is not cured by asking again soon.
  private static let refusedDelayMilliseconds: Int64 = 3_000

  let peer: ReplicaID
  private let eventLoop: any EventLoop
  private let dialer: PeerDialer
  private let logger: Logger
  private let changed: @Sendable (ReplicaID, _ isConnected: Bool) -> Void
  private var state = State.idle
  private var host: String
  private var port: Int
  private var delayMilliseconds = PeerLink.firstDelayMilliseconds
  private var backlog: [PeerMessage] = []
  private var backlogBytes = 0

  init(
    peer: ReplicaConfiguration.Peer, eventLoop: any EventLoop, dialer: PeerDialer, logger: Logger,
    changed: @escaping @Sendable (ReplicaID, _ isConnected: Bool) -> Void
  ) {
    self.peer = peer.id
    host = peer.host
    port = peer.port
    self.eventLoop = eventLoop
    self.dialer = dialer
    self.logger = logger
    self.changed = changed
  }

  /// Where the peer listens at present.
  var address: (host: String, port: Int) {
    eventLoop.preconditionInEventLoop()
    return (host, port)
  }

  func setAddress(host: String, port: Int) {
    eventLoop.preconditionInEventLoop()
    self.host = host
    self.port = port
    connectNow()
  }

  /// Connects unless that is under way; called also when there is a sign that the peer is back.
  func connectNow() {
    eventLoop.preconditionInEventLoop()
    switch state {
    case .idle: connect()
    case .waiting(let retry):
      retry.cancel()
      connect()
    case .connecting, .ready, .closed: break
    }
  }

  private func connect() {
    guard port != 0 else {
      state = .idle
      return
    }
    state = .connecting
    dialer.dial(peer: peer, host: host, port: port, purpose: .messages).whenComplete { result in
      self.eventLoop.preconditionInEventLoop()
      switch result {
      case .success(let channel): self.connected(channel)
      case .failure(let error): self.failed(error)
      }
    }
  }

  private func connected(_ channel: any Channel) {
    guard case .connecting = state else {
      channel.close(promise: nil)
      return
    }
    state = .ready(channel)
    delayMilliseconds = Self.firstDelayMilliseconds
    logger.info("connected to a peer", metadata: ["peer": "\(peer)"])
    changed(peer, true)
    channel.closeFuture.whenComplete { _ in
      self.eventLoop.preconditionInEventLoop()
      guard case .ready(let current) = self.state, current === channel else { return }
      self.logger.info("lost the connection to a peer", metadata: ["peer": "\(self.peer)"])
      self.backlog = []
      self.backlogBytes = 0
      self.changed(self.peer, false)
      self.retry()
    }
  }

  private func failed(_ error: any Error) {
    guard case .connecting = state else { return }
    if let refusal = error as? PeerRefusal {
      logger.warning(
        "a peer and this replica can't work together",
        metadata: ["peer": "\(peer)", "reason": "\(refusal)"])
      delayMilliseconds = Self.refusedDelayMilliseconds
    } else {
      logger.debug("can't reach a peer", metadata: ["peer": "\(peer)", "error": "\(error)"])
    }
    retry()
  }

  private func retry() {
    let delay = delayMilliseconds
    delayMilliseconds = min(
      max(delayMilliseconds, Self.firstDelayMilliseconds) * 2, Self.lastDelayMilliseconds)
    state = .waiting(
      eventLoop.scheduleTask(in: .milliseconds(delay)) {
        guard case .waiting = self.state else { return }
        self.connect()
      })
  }

  // MARK: Sending

  func send(_ messages: [PeerMessage]) {
    eventLoop.preconditionInEventLoop()
    guard case .ready(let channel) = state else { return }
    guard channel.isWritable, backlog.isEmpty else {
      keep(messages)
      return
    }
    write(messages, to: channel)
  }

  /// The peer takes bytes again.
  func flushBacklog() {
    eventLoop.preconditionInEventLoop()
    guard case .ready(let channel) = state, channel.isWritable, !backlog.isEmpty else { return }
    let messages = backlog
    backlog = []
    backlogBytes = 0
    write(messages, to: channel)
  }

  private func keep(_ messages: [PeerMessage]) {
    backlog += messages
    backlogBytes += messages.reduce(0) { $0 + $1.approximateBytes }
    var dropped = 0
    while backlogBytes > Self.maximumBacklogBytes, dropped < backlog.count {
      backlogBytes -= backlog[dropped].approximateBytes
      dropped += 1
    }
    backlog.removeFirst(dropped)
  }

  private func write(_ messages: [PeerMessage], to channel: any Channel) {
    var start = 0
    while start < messages.count {
      var end = start
      var bytes = 0
      repeat {
        bytes += messages[end].approximateBytes
        end += 1
      } while end < messages.count && bytes < Self.frameBytes
      var buffer = channel.allocator.buffer(capacity: bytes + 64)
      PeerFrame.messages(Array(messages[start..<end])).encode(into: &buffer)
      channel.write(buffer, promise: nil)
      start = end
    }
    channel.flush()
  }

  func close() {
    eventLoop.preconditionInEventLoop()
    let previous = state
    state = .closed
    switch previous {
    case .ready(let channel): channel.close(promise: nil)
    case .waiting(let retry): retry.cancel()
    case .idle, .connecting, .closed: break
    }
  }
}

extension PeerMessage {
  /// What it takes on the wire, for bounds.
  var approximateBytes: Int {
    switch self {
    case .propose(let payloads): payloads.reduce(16) { $0 + $1.count + 8 }
    case .refuse(let requestIDs, _): 16 + requestIDs.count * 8
    case .recoveryQuery, .recoveryAnswer, .stateRequest, .stateHash: 64
    case .raft(let message):
      if case .append(_, _, let entries, _) = message.body {
        entries.reduce(64) { $0 + $1.payload.count + 24 }
      } else {
        64
      }
    }
  }
}
