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

/// Sends this replica's state to peers that lag too far behind, and receives such states.
///
/// One is received at a time, and one sent to each peer.
final class SnapshotExchange: Sendable {
  /// A consistent copy of the checkpoint.
  struct Copy: Sendable {
    var index: LogIndex
    var term: Term
  }

  private struct Activity {
    var sendingTo: Set<ReplicaID> = []
    var isReceiving = false
  }

  private let directory: DataDirectory
  private let logger: Logger
  private let makeCopy: @Sendable (_ path: String) throws -> Copy
  private let report: @Sendable (CoreInput) -> Void
  private let activity = NIOLockedValueBox(Activity())

  init(
    directory: DataDirectory, logger: Logger,
    makeCopy: @escaping @Sendable (_ path: String) throws -> Copy,
    report: @escaping @Sendable (CoreInput) -> Void
  ) {
    self.directory = directory
    self.logger = logger
    self.makeCopy = makeCopy
    self.report = report
  }

  // MARK: Receiving

  /// `nil` while another state is coming in.
  func receiver(from peer: ReplicaID, channel: any Channel) -> SnapshotReceiver? {
    let isFirst = activity.withLockedValue { activity in
      defer { activity.isReceiving = true }
      return !activity.isReceiving
    }
    guard isFirst else { return nil }
    return SnapshotReceiver(
      peer: peer, path: directory.incomingSnapshotPath, channel: channel, logger: logger,
      arrived: { [report] in report(.snapshotArrived($0)) },
      finished: { [activity] in activity.withLockedValue { $0.isReceiving = false } })
  }

  // MARK: Sending

  func send(to peer: ReplicaID, leaderTerm: Term, over transport: PeerTransport) {
    let isFirst = activity.withLockedValue { $0.sendingTo.insert(peer).inserted }
    guard isFirst else { return }
    _ = WorkerThread(name: "send-\(peer)") { [self] in
      var index: LogIndex = 0
      var isInstalled = false
      do {
        let path = directory.outgoingSnapshotPath(to: peer)
        defer { unlink(path) }
        let copy = try makeCopy(path)
        index = copy.index
        let outgoing = OutgoingSnapshot(
          peer: peer, path: path, leaderTerm: leaderTerm, index: copy.index, term: copy.term)
        let sent = try outgoing.send(over: transport)
        logger.notice(
          "a peer has received the state",
          metadata: ["peer": "\(peer)", "index": "\(index)", "bytes": "\(sent)"])
        isInstalled = true
      } catch {
        logger.warning(
          "the state could not be sent to a peer",
          metadata: ["peer": "\(peer)", "error": "\(error)"])
        // Not again at once: a copy of the whole state is not cheap.
        if !transport.isShuttingDown { Thread.sleep(forTimeInterval: 1) }
      }
      activity.withLockedValue { _ = $0.sendingTo.remove(peer) }
      report(.snapshotSent(to: peer, index: index, succeeded: isInstalled))
    }
  }
}
