import Foundation
import Keyspace
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Raft

/// How far a streamed state has come.
public struct SnapshotProgress: Sendable, Hashable {
  public var peer: ReplicaID
  /// What the receiver has written, of `totalBytes`.
  public var bytes: UInt64
  public var totalBytes: UInt64
}

/// States that were sent and received since the start.
struct SnapshotTotals: Sendable, Hashable {
  var sent = 0
  var received = 0
  /// Streams that broke.
  var interrupted = 0
  /// Streams that went on where an earlier one had been.
  var resumed = 0
  /// Bytes that did not have to be sent again.
  var resumedBytes: UInt64 = 0
  var sentBytes: UInt64 = 0
  var receivedBytes: UInt64 = 0
}

/// Sends this replica's state to peers that lag too far behind, and receives such states.
///
/// One is received at a time, and one sent to each peer. A copy of the state stays on disk until
/// the peer has installed it or can't use it any more, so that a stream that breaks goes on where
/// it was; likewise what was received.
final class SnapshotExchange: Sendable {
  /// A consistent copy of the checkpoint.
  struct Copy: Sendable {
    var index: LogIndex
    var term: Term
  }

  private struct Activity {
    var sendingTo: Set<ReplicaID> = []
    var receiver: SnapshotReceiver?
    var outgoing: [ReplicaID: SnapshotProgress] = [:]
    var incoming: SnapshotProgress?
    var totals = SnapshotTotals()
  }

  private let directory: DataDirectory
  private let logger: Logger
  private let isCut: (@Sendable (UInt64) -> Bool)?
  private let makeCopy: @Sendable (_ path: String) throws -> Copy
  private let report: @Sendable (CoreInput) -> Void
  private let activity = NIOLockedValueBox(Activity())

  init(
    directory: DataDirectory, logger: Logger, isCut: (@Sendable (UInt64) -> Bool)? = nil,
    makeCopy: @escaping @Sendable (_ path: String) throws -> Copy,
    report: @escaping @Sendable (CoreInput) -> Void
  ) {
    self.directory = directory
    self.logger = logger
    self.isCut = isCut
    self.makeCopy = makeCopy
    self.report = report
  }

  var totals: SnapshotTotals { activity.withLockedValue { $0.totals } }
  /// States on their way to peers.
  var outgoing: [SnapshotProgress] {
    activity.withLockedValue { $0.outgoing.values.sorted { $0.peer < $1.peer } }
  }
  /// The one on its way here.
  var incoming: SnapshotProgress? { activity.withLockedValue { $0.incoming } }

  // MARK: Receiving

  /// `nil` while another state is coming in.
  func receiver(from peer: ReplicaID, channel: any Channel) -> SnapshotReceiver? {
    activity.withLockedValue { activity in
      if let receiver = activity.receiver {
        receiver.closeIfSilent()
        return nil
      }
      let receiver = SnapshotReceiver(
        peer: peer, file: SnapshotFile(path: directory.incomingSnapshotPath), channel: channel,
        logger: logger, isCut: isCut,
        progressed: { [self] in received($0, from: peer) },
        arrived: { [self] snapshot in
          self.activity.withLockedValue { $0.totals.received += 1 }
          report(.snapshotArrived(snapshot))
        },
        finished: { [self] in
          self.activity.withLockedValue { ($0.receiver, $0.incoming) = (nil, nil) }
        })
      activity.receiver = receiver
      return receiver
    }
  }

  private func received(_ transfer: IncomingTransfer, from peer: ReplicaID) {
    activity.withLockedValue { activity in
      let before = activity.incoming?.bytes ?? transfer.received
      activity.totals.receivedBytes += transfer.received - min(before, transfer.received)
      activity.incoming = SnapshotProgress(
        peer: peer, bytes: transfer.received, totalBytes: transfer.identity.byteCount)
    }
  }

  // MARK: Sending

  /// - Parameter oldest: of what entry the state must be at least: the log that can be sent
  ///   begins after it.
  func send(
    to peer: ReplicaID, leaderTerm: Term, oldest: LogIndex, over transport: PeerTransport
  ) {
    let isFirst = activity.withLockedValue { $0.sendingTo.insert(peer).inserted }
    guard isFirst else { return }
    _ = WorkerThread(name: "send-\(peer)") { [self] in
      let file = SnapshotFile(path: directory.outgoingSnapshotPath(to: peer))
      var index: LogIndex = 0
      var isInstalled = false
      do {
        let identity = try copy(into: file, oldest: oldest)
        index = identity.index
        let outgoing = OutgoingSnapshot(
          peer: peer, file: file, leaderTerm: leaderTerm, identity: identity,
          progress: { [self] in sent($0, to: peer) })
        let transfer = try outgoing.send(over: transport)
        file.remove()
        logger.notice(
          "a peer has received the state",
          metadata: [
            "peer": "\(peer)", "index": "\(index)", "bytes": "\(transfer.byteCount)",
            "resumed at": "\(transfer.resumedAt)",
          ])
        isInstalled = true
      } catch {
        if case .refused? = error as? OutgoingSnapshot.Problem { file.remove() }
        logger.warning(
          "the state could not be sent to a peer",
          metadata: ["peer": "\(peer)", "error": "\(error)"])
        // Not again at once: a copy of the whole state is not cheap.
        if !transport.isShuttingDown { Thread.sleep(forTimeInterval: 1) }
        forget(file, over: transport)
      }
      activity.withLockedValue {
        $0.sendingTo.remove(peer)
        $0.outgoing[peer] = nil
        if isInstalled { $0.totals.sent += 1 } else { $0.totals.interrupted += 1 }
      }
      report(.snapshotSent(to: peer, index: index, succeeded: isInstalled))
    }
  }

  /// The copy that an earlier stream sent, where the peer can still go on from it; else a new one.
  private func copy(into file: SnapshotFile, oldest: LogIndex) throws -> SnapshotIdentity {
    if let identity = file.identity, identity.index >= oldest,
      file.byteCount == identity.byteCount
    {
      return identity
    }
    file.remove()
    do {
      let copy = try makeCopy(file.path)
      let byteCount = file.byteCount ?? 0
      let identity = SnapshotIdentity(
        index: copy.index, term: copy.term, byteCount: byteCount,
        checksum: try file.checksum(first: byteCount))
      try file.setIdentity(identity)
      return identity
    } catch {
      file.remove()
      throw error
    }
  }

  private func sent(_ transfer: OutgoingTransfer, to peer: ReplicaID) {
    activity.withLockedValue { activity in
      if let before = activity.outgoing[peer]?.bytes {
        activity.totals.sentBytes += transfer.taken - min(before, transfer.taken)
      } else if transfer.resumedAt > 0 {
        activity.totals.resumed += 1
        activity.totals.resumedBytes += transfer.resumedAt
      }
      activity.outgoing[peer] = SnapshotProgress(
        peer: peer, bytes: transfer.taken, totalBytes: transfer.byteCount)
    }
  }

  /// Removes a copy that nobody has gone on with for long, so that it does not fill the disk.
  private func forget(_ file: SnapshotFile, over transport: PeerTransport) {
    guard !transport.isShuttingDown else { return }
    _ = transport.eventLoop.scheduleTask(in: .seconds(SnapshotFile.keptSeconds + 60)) { [self] in
      let isBusy = activity.withLockedValue { !$0.sendingTo.isEmpty }
      if !isBusy, file.isStale() { file.remove() }
    }
  }
}
