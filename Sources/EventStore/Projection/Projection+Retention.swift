import Keyspace

/// What a step of retention did.
public struct ProjectionPruning: Sendable, Hashable {
  public var removedRows: Int
  public var compactedRevision: Revision
  /// False: there is more to remove; call again.
  public var isComplete: Bool
}

extension Projection {
  /// Revisions removed in one step, so that writing never waits long.
  private static let stepRevisions: UInt64 = 2_000

  /// Forgets history that is older than `timeMilliseconds` (since 1970), and the oldest beyond
  /// `maximumBytes` of database: a step of it, to be repeated until it is complete.
  ///
  /// - Parameter floor: what is before this revision goes in any case.
  ///
  /// Whatever is needed to read a revision from the new `compactedRevision` on stays: also the
  /// row of a key that was last written long before it.
  public func prune(
    olderThan timeMilliseconds: UInt64?, maximumBytes: Int?, upTo floor: Revision = 0
  ) throws(ProjectionError) -> ProjectionPruning {
    let byTime = max(try revision(before: timeMilliseconds), min(floor, meta.revision))
    let start = meta.compactedRevision
    let wanted = max(byTime, try revision(toFit: maximumBytes))
    guard wanted > start else {
      return ProjectionPruning(removedRows: 0, compactedRevision: start, isComplete: true)
    }
    let end = min(wanted, start + Self.stepRevisions)
    let low = ProjectionSchema.id(start + 1)
    let high = ProjectionSchema.id(end + 1)
    var removed = 0
    try connection.transaction { () throws(ProjectionError) in
      // What a row up to the new bound replaced is no longer the state at any kept revision.
      try connection.execute(
        """
        DELETE FROM history WHERE id IN (
          SELECT old.id FROM history new JOIN versions old
          ON old.key = new.key
            AND old.id >= new.prev_revision << \(ProjectionSchema.positionBits)
            AND old.id < (new.prev_revision + 1) << \(ProjectionSchema.positionBits)
          WHERE new.id >= \(low) AND new.id < \(high) AND new.prev_revision > 0)
        """)
      removed += connection.changes
      try connection.execute("DELETE FROM history WHERE id >= \(low) AND id < \(high) AND kind = 1")
      removed += connection.changes
      try connection.execute("UPDATE meta SET compacted_revision = \(end)")
    }
    meta.compactedRevision = end
    try forgetMoments(before: end, isComplete: end >= wanted)
    let stillTooLarge = try revision(toFit: maximumBytes) > end
    return ProjectionPruning(
      removedRows: removed, compactedRevision: end, isComplete: end >= byTime && !stillTooLarge)
  }

  /// Removes the times of blocks of which nothing is left.
  private func forgetMoments(before revision: Revision, isComplete: Bool) throws(ProjectionError) {
    guard isComplete else { return }
    let bits = ProjectionSchema.blockIDBits
    try connection.execute(
      """
      DELETE FROM moments WHERE block < \(ProjectionSchema.block(of: revision)) AND NOT EXISTS (
        SELECT 1 FROM history
        WHERE id >= moments.block << \(bits) AND id < (moments.block + 1) << \(bits))
      """)
  }

  /// The last revision before the first that is not older than `time`.
  private func revision(before time: UInt64?) throws(ProjectionError) -> Revision {
    guard let time else { return 0 }
    let statement = try connection.prepare(
      "SELECT revision FROM history WHERE id >= ? AND time_ms >= ? ORDER BY id LIMIT 1")
    statement.bind(1, ProjectionSchema.id(meta.compactedRevision + 1))
    statement.bind(2, Int64(clamping: time))
    guard try statement.step() else { return meta.revision }
    return statement.unsigned(0) - 1
  }

  /// A step forward while the database is too large.
  private func revision(toFit maximumBytes: Int?) throws(ProjectionError) -> Revision {
    guard let maximumBytes, try byteCount > maximumBytes else { return 0 }
    return min(meta.revision, meta.compactedRevision + Self.stepRevisions)
  }
}
