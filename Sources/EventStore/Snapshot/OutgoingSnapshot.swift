import Foundation
import NIOCore
import Raft

/// One state on its way to a peer: read, compressed and sent block by block, so that memory
/// holds some blocks only. Runs on a thread of its own, which blocks.
struct OutgoingSnapshot {
  enum Problem: Error, CustomStringConvertible {
    /// It can be gone on with.
    case interrupted(String)
    /// The peer won't have this state.
    case refused(String)

    var description: String {
      switch self {
      case .interrupted(let reason): reason
      case .refused(let reason): "the peer did not take it: \(reason)"
      }
    }
  }

  /// How long the peer may be silent while it receives, and while it installs.
  private static let silenceNanoseconds: UInt64 = 20_000_000_000
  private static let installationNanoseconds: UInt64 = 300_000_000_000

  var peer: ReplicaID
  var file: SnapshotFile
  var leaderTerm: Term
  var identity: SnapshotIdentity
  /// Told what the peer has, each time it says so; and at first how much of it it had before.
  var progress: (OutgoingTransfer) -> Void

  private enum Heard: Sendable {
    case frame(PeerFrame)
    case closed
  }

  /// Returns once the peer has installed it.
  func send(over transport: PeerTransport) throws -> OutgoingTransfer {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Problem.interrupted("can't open \(file.path): \(errnoText())")
    }
    defer { close(descriptor) }
    guard let address = try transport.address(of: peer).wait() else {
      throw Problem.interrupted("\(peer) is no peer")
    }
    let heard = Mailbox<Heard>(bound: 1 << 10)
    let channel = try transport.dialer.dial(
      peer: peer, host: address.host, port: address.port, purpose: .snapshot,
      frames: { heard.post(.frame($0)) }
    ).wait()
    channel.closeFuture.whenComplete { _ in heard.post(.closed) }
    defer { channel.close(promise: nil) }
    try write(.snapshotHeader(SnapshotHeader(leaderTerm: leaderTerm, identity: identity)), channel)
    var transfer = OutgoingTransfer(byteCount: identity.byteCount)
    while true {
      while let action = transfer.next() {
        switch action {
        case .verify(let count, let checksum):
          transfer.verified(try file.checksum(first: count) == checksum)
        case .begin(let offset):
          progress(transfer)
          try write(.snapshotStart(offset), channel)
        case .send(let offset, let count):
          let bytes = try SnapshotFile.read(descriptor, at: offset, count: count)
          try write(.snapshotBlock(SnapshotBlock(bytes)), channel)
        case .end: try write(.snapshotEnd, channel)
        case .finish(""): return transfer
        case .finish(let problem): throw Problem.refused(problem)
        }
      }
      try wait(heard, &transfer)
    }
  }

  private func wait(_ heard: Mailbox<Heard>, _ transfer: inout OutgoingTransfer) throws {
    let patience =
      transfer.awaitsResult ? Self.installationNanoseconds : Self.silenceNanoseconds
    let news = heard.takeAll(untilNanoseconds: monotonicNanoseconds() + patience) ?? []
    guard !news.isEmpty else { throw Problem.interrupted("the peer has fallen silent") }
    for item in news {
      switch item {
      case .frame(.snapshotResume(let offset, let checksum)):
        transfer.peerHas(offset, checksum: checksum)
      case .frame(.snapshotTaken(let offset)):
        transfer.peerTook(offset)
        progress(transfer)
      case .frame(.snapshotResult(let problem)):
        transfer.answered(problem)
        return
      case .frame: throw Problem.interrupted("the peer says what does not belong here")
      case .closed: throw Problem.interrupted("the connection broke")
      }
    }
  }

  private func write(_ frame: PeerFrame, _ channel: any Channel) throws {
    var buffer = channel.allocator.buffer(capacity: 64)
    frame.encode(into: &buffer)
    try channel.writeAndFlush(buffer).wait()
  }
}
