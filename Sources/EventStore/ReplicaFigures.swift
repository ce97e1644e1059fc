import Keyspace
import Raft

/// What a replica has done since its start, and what it is at, beyond its status.
struct ReplicaFigures: Sendable {
  /// Elections that this replica stood for.
  var elections = 0
  /// How often it came to know of another leader.
  var leaderChanges = 0
  /// Writes and reads that callers of this replica asked for.
  var proposals = 0
  var barriers = 0
  /// Rounds to the leader, each for all reads that waited then.
  var readRounds: UInt64 = 0
  var pendingProposals = 0
  var pendingBarriers = 0
  var appliedEntries = 0
  var leases = 0
  var logMemoryBytes = 0
  var coreQueue = 0
  /// Bytes on their way to each peer.
  var bytesInFlight: [(peer: ReplicaID, bytes: Int)] = []
  var apply = LatencyHistogram()
}

extension Replica {
  /// What `/metrics` shows of this replica; only what other threads know once it has stopped.
  public func metrics() async -> [MetricFamily] {
    var families = logMetrics() + snapshotMetrics() + watchMetrics()
    let answer: (ReplicaStatus, ReplicaFigures)? = await withUnsafeContinuation { continuation in
      if !mailbox.post(.figures(continuation)) { continuation.resume(returning: nil) }
    }
    if let (status, figures) = answer {
      families += raftMetrics(status, figures) + storeMetrics(status, figures)
    }
    return families
  }

  private func raftMetrics(_ status: ReplicaStatus, _ figures: ReplicaFigures) -> [MetricFamily] {
    var role = MetricFamily("taffrail_raft_role", .gauge, "1 for the role that the replica has.")
    for each in [Role.follower, .preCandidate, .candidate, .leader] {
      role.add(status.role == each ? 1 : 0, ["role": each.rawValue])
    }
    var families = [
      role,
      MetricFamily("taffrail_raft_term", .gauge, "The term.", value: status.term),
      MetricFamily(
        "taffrail_raft_leader", .gauge, "The leader's id; 0: none known.", value: status.leader),
      MetricFamily(
        "taffrail_raft_commit_index", .gauge, "The last entry known to be committed.",
        value: status.commit),
      MetricFamily(
        "taffrail_raft_applied_index", .gauge, "The last entry applied.", value: status.applied),
      MetricFamily(
        "taffrail_raft_last_index", .gauge, "The last entry of the log.",
        value: status.lastIndex),
      MetricFamily(
        "taffrail_raft_voters", .gauge, "Servers with a vote.",
        value: status.membership.voters.count),
      MetricFamily(
        "taffrail_raft_learners", .gauge, "Servers that follow without a vote.",
        value: status.membership.learners.count),
      MetricFamily(
        "taffrail_raft_elections_total", .counter, "Elections that this replica stood for.",
        value: figures.elections),
      MetricFamily(
        "taffrail_raft_leader_changes_total", .counter, "Leaders that this replica came to know.",
        value: figures.leaderChanges),
      MetricFamily(
        "taffrail_raft_proposals_total", .counter, "Writes asked for at this replica.",
        value: figures.proposals),
      MetricFamily(
        "taffrail_raft_proposals_pending", .gauge, "Writes that wait for their place in the log.",
        value: figures.pendingProposals),
      MetricFamily(
        "taffrail_raft_reads_total", .counter, "Consistent reads asked for at this replica.",
        value: figures.barriers),
      MetricFamily(
        "taffrail_raft_reads_pending", .gauge, "Consistent reads that wait.",
        value: figures.pendingBarriers),
      MetricFamily(
        "taffrail_raft_read_batches_total", .counter,
        "Rounds to the leader, each for all the reads that waited then.",
        value: figures.readRounds),
      MetricFamily(
        "taffrail_raft_log_memory_bytes", .gauge, "Bytes of the log kept for followers.",
        value: figures.logMemoryBytes),
    ]
    families += peerMetrics(status, figures)
    return families
  }

  private func peerMetrics(_ status: ReplicaStatus, _ figures: ReplicaFigures) -> [MetricFamily] {
    var connected = MetricFamily(
      "taffrail_peer_connected", .gauge, "Whether this replica can send to the peer.")
    var lag = MetricFamily(
      "taffrail_peer_lag_entries", .gauge, "Entries that the peer is behind this leader.")
    var inFlight = MetricFamily(
      "taffrail_peer_inflight_bytes", .gauge,
      "Bytes of entries sent to the peer that it has not acknowledged.")
    for peer in status.peers {
      connected.add(peer.connected ? 1 : 0, ["peer": "\(peer.id)"])
      if status.role == .leader { lag.add(peer.lag, ["peer": "\(peer.id)"]) }
    }
    for (peer, bytes) in figures.bytesInFlight { inFlight.add(bytes, ["peer": "\(peer)"]) }
    return [connected, lag, inFlight]
  }

  private func storeMetrics(_ status: ReplicaStatus, _ figures: ReplicaFigures) -> [MetricFamily] {
    var apply = MetricFamily(
      "taffrail_apply_duration_seconds", .histogram,
      "Publishing a batch of applied entries to readers, watches and callers.")
    apply.add(figures.apply)
    var queues = MetricFamily(
      "taffrail_queue_length", .gauge, "What waits for one of the replica's threads.")
    queues.add(figures.coreQueue, ["queue": "core"])
    queues.add(writer.queueLength, ["queue": "log"])
    queues.add(projector.queueLength, ["queue": "projection"])
    return [
      apply, queues,
      MetricFamily(
        "taffrail_applied_entries_total", .counter, "Entries applied since the start.",
        value: figures.appliedEntries),
      MetricFamily(
        "taffrail_store_revision", .gauge, "The revision applied.", value: status.revision),
      MetricFamily(
        "taffrail_store_oldest_revision", .gauge, "The oldest revision that can be read.",
        value: max(hub.oldestAllowed, projector.meta.compactedRevision)),
      MetricFamily("taffrail_store_objects", .gauge, "Keys.", value: status.keyCount),
      MetricFamily(
        "taffrail_store_bytes", .gauge, "Bytes of keys and values.", value: status.stateBytes),
      MetricFamily(
        "taffrail_store_quota_objects", .gauge, "Keys allowed; 0: no bound.",
        value: configuration.maximumObjects),
      MetricFamily(
        "taffrail_store_quota_bytes", .gauge, "Bytes of keys and values allowed; 0: no bound.",
        value: configuration.maximumStateBytes),
      MetricFamily(
        "taffrail_store_disk_full", .gauge, "1 while writes are refused for want of space.",
        value: status.diskIsFull ? 1 : 0),
      MetricFamily("taffrail_store_leases", .gauge, "Leases on keys.", value: figures.leases),
    ]
  }

  private func logMetrics() -> [MetricFamily] {
    let figures = statistics.log
    var sync = MetricFamily(
      "taffrail_log_sync_duration_seconds", .histogram,
      "Appending one group of entries to the log and syncing it.")
    sync.add(figures.syncs)
    return [
      sync,
      MetricFamily(
        "taffrail_log_appends_total", .counter, "Groups of entries appended and synced.",
        value: figures.syncs.count),
      MetricFamily(
        "taffrail_log_entries_total", .counter, "Entries appended.", value: figures.entries),
      MetricFamily(
        "taffrail_log_segments", .gauge, "Segments on disk.", value: figures.segments),
      MetricFamily(
        "taffrail_log_bytes", .gauge, "Bytes of the log on disk.", value: statistics.logBytes),
      MetricFamily(
        "taffrail_log_first_index", .gauge, "The first entry on disk.",
        value: statistics.logFirstIndex),
      MetricFamily(
        "taffrail_log_damaged_segments", .gauge, "Segments found damaged and not yet set aside.",
        value: scrubber.problems.count),
      MetricFamily(
        "taffrail_checkpoint_index", .gauge, "The entry up to which the state on disk has all.",
        value: statistics.checkpoint),
    ]
  }

  private func snapshotMetrics() -> [MetricFamily] {
    guard let snapshots = transport?.snapshots else { return [] }
    let totals = snapshots.totals
    var bytes = MetricFamily(
      "taffrail_snapshot_progress_bytes", .gauge, "What the receiver has of a state on its way.")
    var total = MetricFamily("taffrail_snapshot_size_bytes", .gauge, "Of a state on its way.")
    for state in snapshots.outgoing {
      bytes.add(state.bytes, ["direction": "out", "peer": "\(state.peer)"])
      total.add(state.totalBytes, ["direction": "out", "peer": "\(state.peer)"])
    }
    if let state = snapshots.incoming {
      bytes.add(state.bytes, ["direction": "in", "peer": "\(state.peer)"])
      total.add(state.totalBytes, ["direction": "in", "peer": "\(state.peer)"])
    }
    return [
      bytes, total,
      MetricFamily(
        "taffrail_snapshots_sent_total", .counter, "States that a peer installed.",
        value: totals.sent),
      MetricFamily(
        "taffrail_snapshots_received_total", .counter, "States received whole.",
        value: totals.received),
      MetricFamily(
        "taffrail_snapshots_interrupted_total", .counter, "Streams of a state that broke.",
        value: totals.interrupted),
      MetricFamily(
        "taffrail_snapshots_resumed_total", .counter,
        "Streams that went on where an earlier one had been.", value: totals.resumed),
      MetricFamily(
        "taffrail_snapshot_sent_bytes_total", .counter, "Bytes of states sent, uncompressed.",
        value: totals.sentBytes),
      MetricFamily(
        "taffrail_snapshot_received_bytes_total", .counter,
        "Bytes of states received, uncompressed.", value: totals.receivedBytes),
    ]
  }

  private func watchMetrics() -> [MetricFamily] {
    let counts = hub.counts
    var watches = MetricFamily("taffrail_store_watches", .gauge, "Watches of the store.")
    watches.add(counts.live, ["state": "live"])
    watches.add(counts.replaying, ["state": "history"])
    return [
      watches,
      MetricFamily(
        "taffrail_store_window_events", .gauge, "Events in memory for watches to begin from.",
        value: counts.windowEvents),
      MetricFamily(
        "taffrail_store_window_bytes", .gauge, "What these events take.",
        value: counts.windowBytes),
    ]
  }
}
