import Foundation
import NIOCore
import Raft

/// One state on its way to a peer: read, compressed and sent block by block, so that memory
/// holds one block only. Runs on a thread of its own, which blocks.
struct OutgoingSnapshot {
  struct Problem: Error, CustomStringConvertible { var description: String }

  var peer: ReplicaID
  var path: String
  var leaderTerm: Term
  var index: LogIndex
  var term: Term

  /// Returns once the peer has installed it; how many bytes it had.
  func send(over transport: PeerTransport) throws -> UInt64 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Problem(description: "can't open \(path): \(errnoText())") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw Problem(description: "can't read \(path): \(errnoText())")
    }
    let byteCount = UInt64(max(0, status.st_size))
    guard let address = try transport.address(of: peer).wait() else {
      throw Problem(description: "\(peer) is no peer")
    }
    let answered = transport.eventLoop.makePromise(of: String.self)
    let channel: any Channel
    do {
      channel = try transport.dialer.dial(
        peer: peer, host: address.host, port: address.port, purpose: .snapshot,
        frames: { frame in
          if case .snapshotResult(let problem) = frame { answered.succeed(problem) }
        }
      ).wait()
    } catch {
      answered.fail(error)
      throw error
    }
    channel.closeFuture.whenComplete { _ in answered.fail(ChannelError.eof) }
    defer { channel.close(promise: nil) }
    try write(
      .snapshotHeader(
        SnapshotHeader(leaderTerm: leaderTerm, index: index, term: term, byteCount: byteCount)),
      to: channel)
    while let block = try read(descriptor) { try write(.snapshotBlock(block), to: channel) }
    try write(.snapshotEnd, to: channel)
    let timeout = transport.eventLoop.scheduleTask(in: .minutes(5)) {
      answered.fail(Problem(description: "the peer did not install the state in time"))
    }
    defer { timeout.cancel() }
    let problem = try answered.futureResult.wait()
    guard problem.isEmpty else {
      throw Problem(description: "the peer did not take it: \(problem)")
    }
    return byteCount
  }

  private func write(_ frame: PeerFrame, to channel: any Channel) throws {
    var buffer = channel.allocator.buffer(capacity: SnapshotBlock.maximumBytes + 64)
    frame.encode(into: &buffer)
    try channel.writeAndFlush(buffer).wait()
  }

  private func read(_ descriptor: Int32) throws -> SnapshotBlock? {
    var failed = false
    let bytes = [UInt8](unsafeUninitializedCapacity: SnapshotBlock.maximumBytes) { buffer, done in
      while done < SnapshotBlock.maximumBytes {
        let result = Foundation.read(
          descriptor, buffer.baseAddress.map { $0 + done }, SnapshotBlock.maximumBytes - done)
        if result < 0, errno == EINTR { continue }
        if result < 0 { failed = true }
        if result <= 0 { break }
        done += result
      }
    }
    if failed { throw Problem(description: "can't read \(path): \(errnoText())") }
    return bytes.isEmpty ? nil : SnapshotBlock(bytes)
  }
}
