import ClusterConfiguration
import EventStore
import Foundation

/// Replaces a stopped cluster by a new one, whose servers begin with the state of a backup or of
/// one replica's folder. What was there is renamed, never removed.
public struct ClusterRestore {
  public struct Report: Sendable {
    public var restore: StoreRestore
    /// The new folders.
    public var folders: [String]
    /// Where the old ones are now.
    public var kept: [String]
  }

  public var configuration: ClusterConfiguration
  public var home: TaffrailHome

  public init(configuration: ClusterConfiguration, home: TaffrailHome) {
    self.configuration = configuration
    self.home = home
  }

  /// - Parameter source: a backup, or a replica's folder, which may be one of this cluster's own.
  /// - Throws: `BackupError`, `HomeError`; until all new folders are complete nothing is changed.
  public func run(from source: String, at moment: StoreRestore.Moment) throws -> Report {
    try home.prepare()
    let servers = configuration.servers.map { (id: $0.id, folder: home.serverFolder($0.id)) }
    for server in servers where StoreRestore.isInUse(server.folder) {
      throw BackupError(
        "server \(server.id) is running on \(server.folder): stop the cluster first, with "
          + "tools/down")
    }
    let restore = try StoreRestore(
      from: source, at: moment, clusterID: UInt64.random(in: 1 ... .max))
    let files = FileManager.default
    for server in servers {
      let making = server.folder + ".restoring"
      try? files.removeItem(atPath: making)
      try restore.makeFolder(making, replicaID: UInt64(server.id))
    }
    // From here on an interruption leaves a cluster that refuses to start, since its number is
    // not that of the old folders; a further restore then makes it whole.
    try home.replaceClusterIdentifier(by: restore.clusterID)
    var kept: [String] = []
    for server in servers {
      if files.fileExists(atPath: server.folder) {
        var number = 1
        while files.fileExists(atPath: "\(server.folder).before-restore-\(number)") { number += 1 }
        let old = "\(server.folder).before-restore-\(number)"
        try move(server.folder, to: old)
        kept.append(old)
      }
      try move(server.folder + ".restoring", to: server.folder)
    }
    return Report(restore: restore, folders: servers.map(\.folder), kept: kept)
  }

  private func move(_ from: String, to: String) throws {
    do { try FileManager.default.moveItem(atPath: from, toPath: to) } catch {
      throw BackupError("\(from) can't be renamed to \(to): \(error.localizedDescription)")
    }
  }
}
