import EventLog
import Foundation
import Keyspace
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Raft

/// A state received from the leader, complete and verified.
struct ArrivedSnapshot: Sendable {
  var from: ReplicaID
  /// The term in which `from` led when it sent the state.
  var leaderTerm: Term
  var index: LogIndex
  var term: Term
  var path: String
  /// Tells the sender what became of it; `nil`: installed.
  var answer: @Sendable (String?) -> Void
}

/// Takes in one streamed state: writes it to a file beside the data, checks it, and offers it to
/// the core. What was received when the connection breaks stays, for the next stream of the same
/// state.
///
/// Blocks are written by a thread of its own. When a few wait, no more are read from the
/// connection, so memory stays bounded.
///
/// `@unchecked Sendable`: `waiting` is used on the channel's event loop only, `transfer` and what
/// belongs to it by the thread only; `lastHeard` has its own lock.
final class SnapshotReceiver: SnapshotStream, @unchecked Sendable {
  private enum Work: Sendable {
    case header(SnapshotHeader)
    case start(UInt64)
    case block(SnapshotBlock)
    case end
  }

  private struct Problem: Error { var reason: String }

  /// Not the state's fault: what is here stays.
  private struct Interruption: Error {}

  private static let maximumWaiting = 8
  private static let silenceNanoseconds: UInt64 = 10_000_000_000

  private let peer: ReplicaID
  private let file: SnapshotFile
  private let channel: any Channel
  private let logger: Logger
  private let isCut: (@Sendable (UInt64) -> Bool)?
  private let progressed: @Sendable (IncomingTransfer) -> Void
  private let arrived: @Sendable (ArrivedSnapshot) -> Void
  private let finished: @Sendable () -> Void
  private let mailbox = Mailbox<Work>(bound: 1 << 10)
  private let lastHeard = NIOLockedValueBox(monotonicNanoseconds())
  private var waiting = 0

  private var header: SnapshotHeader?
  private var transfer: IncomingTransfer?
  private var descriptor: Int32 = -1

  init(
    peer: ReplicaID, file: SnapshotFile, channel: any Channel, logger: Logger,
    isCut: (@Sendable (UInt64) -> Bool)?,
    progressed: @escaping @Sendable (IncomingTransfer) -> Void,
    arrived: @escaping @Sendable (ArrivedSnapshot) -> Void,
    finished: @escaping @Sendable () -> Void
  ) {
    self.peer = peer
    self.file = file
    self.channel = channel
    self.logger = logger
    self.isCut = isCut
    self.progressed = progressed
    self.arrived = arrived
    self.finished = finished
    _ = WorkerThread(name: "receive") { [self] in run() }
  }

  /// Gives up on a sender that has said nothing for long, so that another can begin.
  func closeIfSilent() {
    let heard = lastHeard.withLockedValue { $0 }
    if heard != .max, monotonicNanoseconds() > heard + Self.silenceNanoseconds {
      channel.close(promise: nil)
    }
  }

  // MARK: Event loop

  func receive(_ frame: PeerFrame) {
    lastHeard.withLockedValue { $0 = monotonicNanoseconds() }
    switch frame {
    case .snapshotHeader(let header): mailbox.post(.header(header))
    case .snapshotStart(let offset): mailbox.post(.start(offset))
    case .snapshotBlock(let block): mailbox.post(.block(block))
    case .snapshotEnd:
      // Silence is no sign of anything any more: the sender waits.
      lastHeard.withLockedValue { $0 = .max }
      mailbox.post(.end)
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
        } catch is Interruption {
          channel.close(promise: nil)
          break receiving
        } catch {
          let reason =
            (error as? Problem)?.reason ?? (error as? IncomingTransfer.Problem)?.reason
            ?? "\(error)"
          logger.warning(
            "a peer's state is not taken", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
          file.remove()
          say(.snapshotResult(reason))
          break receiving
        }
        taken()
        if isHandedOver { break receiving }
      }
    }
    mailbox.close()
    if descriptor >= 0 { close(descriptor) }
    if !isHandedOver { finished() }
  }

  /// True once the state is complete and handed over.
  private func take(_ work: Work) throws -> Bool {
    switch work {
    case .header(let header): try prepare(header)
    case .start(let offset): try begin(at: offset)
    case .block(let block): try write(block)
    case .end:
      try handOver()
      return true
    }
    return false
  }

  private func prepare(_ header: SnapshotHeader) throws {
    guard self.header == nil else { throw Problem(reason: "a second header in one stream") }
    self.header = header
    let identity = header.identity
    var (present, checksum) = (UInt64(0), UInt32(0))
    if file.identity == identity {
      present = min(file.byteCount ?? 0, identity.byteCount)
      checksum = try file.checksum(first: present)
    } else {
      file.remove()
    }
    try checkSpace(for: identity.byteCount - present)
    descriptor = open(file.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw Problem(reason: "can't open \(file.path): \(errnoText())")
    }
    try file.setIdentity(identity)
    let transfer = IncomingTransfer(identity: identity, present: present, checksum: checksum)
    self.transfer = transfer
    logger.notice(
      "receiving the state from a peer",
      metadata: [
        "peer": "\(peer)", "index": "\(identity.index)", "bytes": "\(identity.byteCount)",
        "present": "\(present)",
      ])
    progressed(transfer)
    say(.snapshotResume(offset: transfer.received, checksum: checksum))
  }

  private func checkSpace(for bytes: UInt64) throws {
    var space = statvfs()
    let folder = (file.path as NSString).deletingLastPathComponent
    if statvfs(folder, &space) == 0, UInt64(space.f_bavail) * UInt64(space.f_frsize) < bytes {
      throw Problem(reason: "no space for a state of \(bytes) bytes")
    }
  }

  private func begin(at offset: UInt64) throws {
    guard var transfer else { throw Problem(reason: "a beginning without a header") }
    _ = try transfer.begin(at: offset)
    guard ftruncate(descriptor, off_t(transfer.received)) == 0,
      lseek(descriptor, off_t(transfer.received), SEEK_SET) >= 0
    else { throw Problem(reason: "can't write \(file.path): \(errnoText())") }
    self.transfer = transfer
    if isCut?(transfer.received) == true { throw Interruption() }
  }

  private func write(_ block: SnapshotBlock) throws {
    guard var transfer else { throw Problem(reason: "a block without a header") }
    guard let bytes = block.decompressed() else {
      throw Problem(reason: "a block is damaged, after \(transfer.received) bytes")
    }
    let checksum = bytes.withUnsafeBytes {
      CRC32C.checksum($0, continuing: transfer.checksum)
    }
    try transfer.take(bytes.count, checksum: checksum)
    var done = 0
    while done < bytes.count {
      let result = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done)
      }
      if result < 0, errno == EINTR { continue }
      guard result > 0 else { throw Problem(reason: "can't write \(file.path): \(errnoText())") }
      done += result
    }
    self.transfer = transfer
    progressed(transfer)
    say(.snapshotTaken(transfer.received))
    if isCut?(transfer.received) == true { throw Interruption() }
  }

  private func handOver() throws {
    guard let header, let transfer, descriptor >= 0 else {
      throw Problem(reason: "an end without a header")
    }
    try transfer.end()
    guard fsync(descriptor) == 0 else {
      throw Problem(reason: "can't sync \(file.path): \(errnoText())")
    }
    arrived(
      ArrivedSnapshot(
        from: peer, leaderTerm: header.leaderTerm, index: header.identity.index,
        term: header.identity.term, path: file.path,
        answer: { [self] problem in
          file.remove()
          say(.snapshotResult(problem ?? ""))
          finished()
        }))
  }

  private func say(_ frame: PeerFrame) {
    var buffer = channel.allocator.buffer(capacity: 128)
    frame.encode(into: &buffer)
    channel.writeAndFlush(buffer, promise: nil)
  }
}
