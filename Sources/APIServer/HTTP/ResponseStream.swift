import NIOCore
import NIOHTTP1
import Synchronization

/// The body of an answer that is written piece by piece from any thread, e.g. a watch.
///
/// Pieces go out in the order of the calls. What the client has not taken yet is bounded: a write
/// past `maximumPendingBytes` closes the stream instead of growing memory without end.
final class ResponseStream: Sendable {
  private struct State {
    var pending: [ByteBuffer] = []
    /// Handed in and not yet taken by the channel, in bytes.
    var pendingBytes = 0
    var isDrainScheduled = false
    var isFinishing = false
    var isClosed = false
    var onClose: [@Sendable () -> Void] = []
    var onTaken: [CheckedContinuation<Void, Never>] = []
  }

  /// What `waitUntilTaken` leaves for the client to take.
  private static let takenBytes = 256 * 1024

  private let state = Mutex(State())
  private let channel: any Channel
  let maximumPendingBytes: Int
  /// Whether the connection ends with the body.
  private let closesAfterEnd: Bool

  init(channel: any Channel, maximumPendingBytes: Int, closesAfterEnd: Bool = false) {
    self.channel = channel
    self.closesAfterEnd = closesAfterEnd
    self.maximumPendingBytes = maximumPendingBytes
  }

  var eventLoop: any EventLoop { channel.eventLoop }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Queues bytes; false where the stream is closed, or gets closed for being too slow.
  @discardableResult
  func write(_ buffer: ByteBuffer) -> Bool {
    enum Next { case drain, wait, refuse, tooSlow }
    let next: Next = state.withLock { state in
      if state.isClosed || state.isFinishing { return .refuse }
      if state.pendingBytes > 0,
        state.pendingBytes + buffer.readableBytes > maximumPendingBytes
      {
        return .tooSlow
      }
      state.pending.append(buffer)
      state.pendingBytes += buffer.readableBytes
      if state.isDrainScheduled { return .wait }
      state.isDrainScheduled = true
      return .drain
    }
    switch next {
    case .drain: scheduleDrain()
    case .wait: break
    case .refuse: return false
    case .tooSlow:
      abort()
      return false
    }
    return true
  }

  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool { write(ByteBuffer(bytes: bytes)) }

  /// Ends the body after what was written so far.
  func finish() {
    let schedule = state.withLock { state in
      guard !state.isClosed, !state.isFinishing else { return false }
      state.isFinishing = true
      if state.isDrainScheduled { return false }
      state.isDrainScheduled = true
      return true
    }
    if schedule { scheduleDrain() }
  }

  private func scheduleDrain() {
    if channel.eventLoop.inEventLoop {
      drain()
    } else {
      channel.eventLoop.execute { self.drain() }
    }
  }

  /// Closes the connection (or the HTTP/2 stream) without a proper end.
  func abort() {
    channel.close(promise: nil)
    closed()
  }

  /// Runs once the stream ends, for whichever reason; at once where it already has.
  func onClose(_ action: @escaping @Sendable () -> Void) {
    let runNow = state.withLock { state in
      if state.isClosed { return true }
      state.onClose.append(action)
      return false
    }
    if runNow { action() }
  }

  /// The channel is gone or the body has ended.
  func closed() {
    let (actions, waiters) = state.withLock { state in
      state.isClosed = true
      state.pending = []
      let actions = state.onClose
      let waiters = state.onTaken
      state.onClose = []
      state.onTaken = []
      return (actions, waiters)
    }
    for action in actions { action() }
    for waiter in waiters { waiter.resume() }
  }

  /// Suspends until the stream has ended.
  func waitUntilClosed() async {
    await withCheckedContinuation { continuation in onClose { continuation.resume() } }
  }

  /// Suspends until the client has taken most of what was written, or the stream has ended.
  func waitUntilTaken() async {
    await withCheckedContinuation { continuation in
      let isTaken = state.withLock { state in
        if state.isClosed || state.pendingBytes <= Self.takenBytes { return true }
        state.onTaken.append(continuation)
        return false
      }
      if isTaken { continuation.resume() }
    }
  }

  private func taken(_ bytes: Int) {
    let waiters = state.withLock { state in
      state.pendingBytes -= bytes
      guard state.pendingBytes <= Self.takenBytes else {
        return [CheckedContinuation<Void, Never>]()
      }
      let waiters = state.onTaken
      state.onTaken = []
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  private func drain() {
    channel.eventLoop.assertInEventLoop()
    let (buffers, isEnd) = state.withLock { state in
      let buffers = state.pending
      state.pending = []
      state.isDrainScheduled = false
      return (buffers, state.isFinishing && !state.isClosed)
    }
    var bytes = 0
    for (position, buffer) in buffers.enumerated() {
      bytes += buffer.readableBytes
      let part = HTTPServerResponsePart.body(.byteBuffer(buffer))
      if position == buffers.count - 1 {
        let written = bytes
        let promise = channel.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in self.taken(written) }
        channel.write(part, promise: promise)
      } else {
        channel.write(part, promise: nil)
      }
    }
    if isEnd {
      // Before the end is written, which may bring in the connection's next request.
      closed()
      let written = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
      if closesAfterEnd {
        written.whenComplete { [channel] _ in channel.close(mode: .output, promise: nil) }
      }
    } else {
      channel.flush()
    }
  }
}
