import Foundation
import Logging
import NIOCore
import Raft

/// Takes in one streamed state: writes it to a file beside the data, checks it, and offers it to
/// the core.
///
/// Blocks are written by a thread of its own. When a few wait, no more are read from the
/// connection, so memory stays bounded.
///
/// `@unchecked Sendable`: `waiting` is used on the channel's event loop only, `file` and what
/// belongs to it by the thread only.
final class SnapshotReceiver: SnapshotStream, @unchecked Sendable {
  private enum Work: Sendable {
    case header(SnapshotHeader)
    case block(SnapshotBlock)
    case end
  }

  private struct Problem: Error { var reason: String }

  private static let maximumWaiting = 8

  private let peer: ReplicaID
  private let path: String
  private let channel: any Channel
  private let logger: Logger
  private let arrived: @Sendable (ArrivedSnapshot) -> Void
  private let finished: @Sendable () -> Void
  private let mailbox = Mailbox<Work>(bound: 1 << 10)
  private var waiting = 0

  private var header: SnapshotHeader?
  private var descriptor: Int32 = -1
  private var received: UInt64 = 0

  init(
    peer: ReplicaID, path: String, channel: any Channel, logger: Logger,
    arrived: @escaping @Sendable (ArrivedSnapshot) -> Void,
    finished: @escaping @Sendable () -> Void
  ) {
    self.peer = peer
    self.path = path
    self.channel = channel
    self.logger = logger
    self.arrived = arrived
    self.finished = finished
    _ = WorkerThread(name: "receive") { [self] in run() }
  }

  // MARK: Event loop

  func receive(_ frame: PeerFrame) {
    switch frame {
    case .snapshotHeader(let header): mailbox.post(.header(header))
    case .snapshotBlock(let block): mailbox.post(.block(block))
    case .snapshotEnd: mailbox.post(.end)
    default: return
    }
    waiting += 1
    if waiting == Self.maximumWaiting {
      channel.setOption(.autoRead, value: false).whenFailure { _ in }
    }
  }

  func interrupted() { mailbox.close() }

  private func taken() {
    channel.eventLoop.execute { [self] in
      waiting -= 1
      if waiting == Self.maximumWaiting / 2 {
        channel.setOption(.autoRead, value: true).whenFailure { _ in }
      }
    }
  }

  // MARK: The thread

  private func run() {
    var isHandedOver = false
    receiving: while let work = mailbox.takeAll() {
      for item in work {
        do {
          isHandedOver = try take(item)
        } catch let problem as Problem {
          logger.warning(
            "a peer's state is not taken",
            metadata: ["peer": "\(peer)", "reason": "\(problem.reason)"])
          answer(problem.reason)
          break receiving
        } catch {
          answer("\(error)")
          break receiving
        }
        taken()
        if isHandedOver { break receiving }
      }
    }
    mailbox.close()
    if descriptor >= 0 { close(descriptor) }
    if !isHandedOver {
      unlink(path)
      finished()
    }
  }

  /// True once the state is complete and handed over.
  private func take(_ work: Work) throws -> Bool {
    switch work {
    case .header(let header): try begin(header)
    case .block(let block): try write(block)
    case .end:
      try handOver()
      return true
    }
    return false
  }

  private func begin(_ header: SnapshotHeader) throws {
    guard self.header == nil else { throw Problem(reason: "a second header in one stream") }
    self.header = header
    logger.notice(
      "receiving the state from a peer",
      metadata: [
        "peer": "\(peer)", "index": "\(header.index)", "bytes": "\(header.byteCount)",
      ])
    var space = statvfs()
    let folder = (path as NSString).deletingLastPathComponent
    if statvfs(folder, &space) == 0,
      UInt64(space.f_bavail) * UInt64(space.f_frsize) < header.byteCount
    {
      throw Problem(reason: "no space for a state of \(header.byteCount) bytes")
    }
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Problem(reason: "can't open \(path): \(errnoText())") }
  }

  private func write(_ block: SnapshotBlock) throws {
    guard let header, descriptor >= 0 else { throw Problem(reason: "a block without a header") }
    guard let bytes = block.decompressed() else {
      throw Problem(reason: "a block is damaged, after \(received) bytes")
    }
    guard UInt64(bytes.count) <= header.byteCount - received else {
      throw Problem(reason: "more bytes than the \(header.byteCount) announced")
    }
    var done = 0
    while done < bytes.count {
      let result = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done)
      }
      if result < 0, errno == EINTR { continue }
      guard result > 0 else { throw Problem(reason: "can't write \(path): \(errnoText())") }
      done += result
    }
    received += UInt64(bytes.count)
  }

  private func handOver() throws {
    guard let header, descriptor >= 0, received == header.byteCount else {
      throw Problem(reason: "the state ends after \(received) bytes")
    }
    guard fsync(descriptor) == 0 else {
      throw Problem(reason: "can't sync \(path): \(errnoText())")
    }
    arrived(
      ArrivedSnapshot(
        from: peer, leaderTerm: header.leaderTerm, index: header.index, term: header.term,
        path: path,
        answer: { [self] problem in
          if problem != nil { unlink(path) }
          answer(problem ?? "")
          finished()
        }))
  }

  private func answer(_ problem: String) {
    var buffer = channel.allocator.buffer(capacity: 128)
    PeerFrame.snapshotResult(problem).encode(into: &buffer)
    channel.writeAndFlush(buffer, promise: nil)
  }
}
