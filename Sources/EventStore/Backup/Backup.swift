import Foundation
import Keyspace

/// Makes backups of a replica's folder, checks them, and gives back the database that they hold.
public enum Backup {
  /// Of a backup that was made.
  public struct Made: Sendable {
    public var header: BackupHeader
    public var file: String
    /// For people: what could not be read.
    public var notes: [String]
  }

  /// The end of a backup's file name.
  public static let suffix = ".backup"

  /// Writes a backup of a replica's folder, whose server may run: everything as of one revision.
  ///
  /// - Parameters:
  ///   - target: the file, or a folder in which it gets a name that tells its revision.
  ///   - base: an earlier backup; only what happened since is written.
  public static func make(
    of folder: String, to target: String, since base: String?
  ) throws(BackupError) -> Made {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: target, isDirectory: &isFolder)
    if exists, !isFolder.boolValue {
      throw BackupError("\(target) is there already; name a new file, or a folder")
    }
    let earlier = try base.map { (file) throws(BackupError) in try BackupHeader.read(file) }
    let temporary: TemporaryFolder
    do { temporary = try TemporaryFolder() } catch { throw BackupError("\(error)") }
    let database = "\(temporary.path)/\(Projection.fileName)"
    do throws(ProjectionError) {
      let notes = try StoreCopy.make(of: folder, to: database)
      let meta = try ProjectionMeta.read(SQLiteConnection(path: database, mode: .readWrite))
      if let earlier { try check(meta, goesOnFrom: earlier, base ?? "") }
      try shrink(database, to: earlier?.revision)
      let header = BackupHeader(
        id: .random(in: 1 ... .max), clusterID: meta.clusterID, baseID: earlier?.id ?? 0,
        since: earlier?.revision ?? 0, revision: meta.revision, stateHash: meta.stateHash,
        timeMilliseconds: wallClockMilliseconds(), byteCount: try size(of: database))
      var file = target
      if isFolder.boolValue || target.hasSuffix("/") {
        file = try name(in: target, header)
      }
      do { try BackupFile.write(database, header: header, to: file) } catch {
        throw ProjectionError.failed(error.description)
      }
      return Made(header: header, file: file, notes: notes)
    } catch {
      throw BackupError("\(error)")
    }
  }

  private static func name(
    in folder: String, _ header: BackupHeader
  ) throws(ProjectionError) -> String {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw .failed("make \(folder): \(error.localizedDescription)") }
    let kind = header.isIncremental ? "\(header.since)-\(header.revision)" : "\(header.revision)"
    var file = (folder as NSString).appendingPathComponent("revision-\(kind)\(suffix)")
    var number = 2
    while FileManager.default.fileExists(atPath: file) {
      file = (folder as NSString).appendingPathComponent("revision-\(kind)-\(number)\(suffix)")
      number += 1
    }
    return file
  }

  private static func check(
    _ meta: ProjectionMeta, goesOnFrom earlier: BackupHeader, _ file: String
  ) throws(ProjectionError) {
    guard meta.clusterID == earlier.clusterID else {
      throw .failed("\(file) is a backup of another cluster: make a full one")
    }
    guard meta.revision >= earlier.revision else {
      throw .failed(
        "\(file) has revision \(earlier.revision), this replica only \(meta.revision): is it the "
          + "right one?")
    }
    guard meta.compactedRevision <= earlier.revision else {
      throw .failed(
        "\(file) has revision \(earlier.revision), but what happened before "
          + "\(meta.compactedRevision) is no longer retained: make a full backup")
    }
  }

  /// Leaves only what happened after `revision`.
  private static func shrink(
    _ database: String, to revision: Revision?
  ) throws(ProjectionError) {
    let connection = try SQLiteConnection(path: database, mode: .readWrite)
    if let revision {
      try connection.execute(
        "DELETE FROM history WHERE id < \(ProjectionSchema.id(revision + 1))")
    }
    try connection.execute("PRAGMA journal_mode = DELETE; VACUUM;")
  }

  private static func size(of file: String) throws(ProjectionError) -> UInt64 {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    guard let size = attributes?[.size] as? NSNumber else { throw .failed("\(file) is gone") }
    return size.uint64Value
  }

  /// Checks every byte, and that all of it together is the state that it says it is; with an
  /// incremental one, also those that it goes on from, which must be in the same folder.
  ///
  /// - Returns: their headers, the full one first.
  public static func verify(_ file: String) throws(BackupError) -> [BackupHeader] {
    let temporary: TemporaryFolder
    do { temporary = try TemporaryFolder() } catch { throw BackupError("\(error)") }
    return try extract(file, to: "\(temporary.path)/\(Projection.fileName)")
  }

  /// Puts together the database of a backup.
  @discardableResult
  static func extract(_ file: String, to database: String) throws(BackupError) -> [BackupHeader] {
    let chain = try chain(of: file)
    var headers: [BackupHeader] = []
    for (position, link) in chain.enumerated() {
      let part = position == 0 ? database : database + ".part"
      headers.append(try BackupFile.read(link, to: part))
      do throws(ProjectionError) {
        if position > 0 { try add(part, to: database) }
        let connection = try SQLiteConnection(path: database, mode: .readWrite)
        try ProjectionSchema.upgrade(connection)
        let state = try Projection.loadCurrent(connection).restored()
        guard state.stateHash == headers[position].stateHash else {
          throw .damaged("its state is not the one that its header tells")
        }
      } catch {
        throw BackupError("\(link) can't be used: \(error)")
      }
      if position > 0 { unlink(part) }
    }
    return headers
  }

  /// The backups that `file` goes on from, the full one first, and itself.
  private static func chain(of file: String) throws(BackupError) -> [String] {
    var chain = [file]
    var header = try BackupHeader.read(file)
    guard header.isIncremental else { return chain }
    let folder = (file as NSString).deletingLastPathComponent
    let names =
      (try? FileManager.default.contentsOfDirectory(
        atPath: folder.isEmpty ? "." : folder)) ?? []
    var known: [UInt64: String] = [:]
    for name in names.sorted() {
      let path = (folder as NSString).appendingPathComponent(name)
      if let found = try? BackupHeader.read(path) { known[found.id] = path }
    }
    while header.isIncremental {
      guard let base = known[header.baseID], !chain.contains(base) else {
        throw BackupError(
          "\(chain[0]) goes on from the backup of revision \(header.since), which is not in its "
            + "folder: put it there")
      }
      header = try BackupHeader.read(base)
      chain.insert(base, at: 0)
    }
    return chain
  }

  /// Adds what an incremental backup has.
  private static func add(_ part: String, to database: String) throws(ProjectionError) {
    let connection = try SQLiteConnection(path: database, mode: .readWrite)
    let attach = try connection.prepare("ATTACH ? AS part")
    attach.bind(1, part)
    try attach.run()
    let columns = ProjectionSchema.columnNames
    try connection.transaction { () throws(ProjectionError) in
      try connection.execute(
        """
        INSERT OR REPLACE INTO main.history(\(columns))
          SELECT \(columns) FROM part.history ORDER BY id;
        \(ProjectionSchema.index("part.history"))
        DELETE FROM main.requests;
        INSERT INTO main.requests SELECT * FROM part.requests;
        UPDATE main.meta SET (applied_index, applied_term, revision, state_hash) =
          (SELECT applied_index, applied_term, revision, state_hash FROM part.meta);
        """)
    }
  }
}
