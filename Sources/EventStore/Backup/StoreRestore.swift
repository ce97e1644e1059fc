import EventLog
import Foundation
import Keyspace

/// Makes the folders of a new cluster's replicas from a backup, or from a replica's folder.
public struct StoreRestore: Sendable {
  /// To which moment the state is taken back.
  public enum Moment: Sendable, Hashable {
    case newest
    case revision(Revision)
    /// Milliseconds since 1970; the last revision then.
    case time(UInt64)
  }

  /// By how much the new cluster's revisions begin beyond the newest that is known of the old
  /// one, so that they never go back: more than the old one can have given out since.
  public static let revisionMargin: Revision = 1_000_000

  /// The revision whose state the new cluster has.
  public let restored: Revision
  /// The new cluster's first revision.
  public let revision: Revision
  public let clusterID: UInt64
  public let keyCount: Int
  /// For people: what could not be read.
  public let notes: [String]
  private let temporary: TemporaryFolder

  private var database: String { "\(temporary.path)/\(Projection.fileName)" }

  /// Reads `source`, a backup or a replica's folder, which is not changed.
  public init(
    from source: String, at moment: Moment, clusterID: UInt64
  ) throws(BackupError) {
    do throws(ProjectionError) {
      let temporary = try TemporaryFolder()
      let database = "\(temporary.path)/\(Projection.fileName)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: source, isDirectory: &isFolder) else {
        throw .missing("\(source) is not there")
      }
      var notes: [String] = []
      if isFolder.boolValue {
        notes = try StoreCopy.make(of: source, to: database)
      } else {
        do { try Backup.extract(source, to: database) } catch { throw .failed(error.description) }
      }
      let newest = try Projection.meta(of: database).revision
      let restored = try Self.rewind(database, to: moment)
      revision = newest + Self.revisionMargin
      keyCount = try Self.renew(database, clusterID: clusterID, revision: revision)
      self.restored = restored
      self.clusterID = clusterID
      self.notes = notes
      self.temporary = temporary
    } catch {
      throw BackupError("\(error)")
    }
  }

  /// `nil`: the newest. The reader is closed again, so that the database can be changed.
  private static func revision(
    of moment: Moment, in database: String
  ) throws(ProjectionError) -> Revision? {
    let reader = try HistoryReader(path: database)
    let (newest, oldest) = (reader.newestRevision, reader.oldestRevision)
    let wanted: Revision
    switch moment {
    case .newest: return nil
    case .revision(let revision): wanted = revision
    case .time(let time):
      guard let found = try reader.revision(atTime: time) else {
        throw .missing("nothing that is retained had happened at that time")
      }
      wanted = found
    }
    guard wanted >= oldest, wanted <= newest else {
      throw .missing("revision \(wanted) is not in it: it has \(oldest) to \(newest)")
    }
    return wanted
  }

  /// Takes the state back; returns the revision that it has then.
  private static func rewind(
    _ database: String, to moment: Moment
  ) throws(ProjectionError) -> Revision {
    guard let wanted = try revision(of: moment, in: database) else {
      return try Projection.meta(of: database).revision
    }
    let connection = try SQLiteConnection(path: database, mode: .readWrite)
    let bound = ProjectionSchema.id(wanted + 1)
    try connection.transaction { () throws(ProjectionError) in
      try connection.execute(
        """
        DELETE FROM history WHERE id >= \(bound);
        DELETE FROM requests WHERE conflict_key IS NOT NULL OR revision > \(wanted);
        """)
    }
    return wanted
  }

  /// Makes it the first state of a new cluster. Its history begins here: whoever has seen later
  /// revisions of the old one must list anew, which watches and reads of the past then tell.
  private static func renew(
    _ database: String, clusterID: UInt64, revision: Revision
  ) throws(ProjectionError) -> Int {
    let connection = try SQLiteConnection(path: database, mode: .readWrite)
    // A backup of an earlier version has no such table; whoever belongs to the new cluster is told
    // by its configuration.
    try connection.execute(ProjectionSchema.createMembership)
    let found = try Projection.loadCurrent(connection)
    let state = KeyspaceState(
      restoring: found.entries, revision: revision, requests: found.requests)
    try connection.execute(ProjectionSchema.createMembership)
    try connection.transaction { () throws(ProjectionError) in
      // The new cluster has members of its own.
      try connection.execute(
        """
        DELETE FROM membership;
        DELETE FROM history WHERE id NOT IN (SELECT id FROM \(ProjectionSchema.present));
        DELETE FROM membership;
        UPDATE meta SET cluster = \(Int64(bitPattern: clusterID)), applied_index = 1,
          applied_term = 1, revision = \(revision), compacted_revision = \(revision),
          state_hash = \(Int64(bitPattern: state.stateHash));
        """)
    }
    try connection.execute("PRAGMA journal_mode = DELETE; VACUUM;")
    return state.count
  }

  /// Makes the data folder of one of the new cluster's replicas, which must not be there yet.
  /// All of them begin with the same state, so any majority of them is a whole cluster.
  public func makeFolder(_ folder: String, replicaID: UInt64) throws(BackupError) {
    guard !FileManager.default.fileExists(atPath: folder) else {
      throw BackupError("\(folder) is there already")
    }
    do {
      let directory = try DataDirectory.open(path: folder, clusterID: clusterID, id: replicaID)
      defer { directory.release() }
      var log = try EventLog.open(
        disk: try FileDisk(path: directory.logPath),
        options: LogOptions(clusterID: clusterID, replicaID: replicaID))
      try log.append([], vote: LogVote(term: 1, vote: 0, commit: 1))
      try log.sync()
      try log.reset(toIndex: 1, term: 1)
      let received = directory.incomingSnapshotPath
      try FileManager.default.copyItem(atPath: database, toPath: received)
      try Projection.prepare(received: received, clusterID: clusterID, replicaID: replicaID)
      try Projection.replace(directory.projectionPath, by: received)
    } catch {
      throw BackupError("\(folder) can't be made: \(error)")
    }
  }

  /// Whether a server uses this folder.
  public static func isInUse(_ folder: String) -> Bool { FolderLock.isHeld(folder) }
}
