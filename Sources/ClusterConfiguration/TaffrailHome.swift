import Foundation

/// The folder that holds everything a cluster leaves on this machine, and where in it.
public struct TaffrailHome: Sendable, Hashable {
  /// Absolute.
  public let path: String

  public init(path: String) {
    self.path = URL(fileURLWithPath: path).standardizedFileURL.path
  }

  /// TAFFRAIL_HOME if set, else the configuration's `dataFolder`, else `.taffrail`; the last two
  /// relative to the configuration's file.
  public static func resolve(
    _ configuration: ClusterConfiguration,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> TaffrailHome {
    if let path = environment["TAFFRAIL_HOME"], !path.isEmpty { return TaffrailHome(path: path) }
    let folder = URL(fileURLWithPath: configuration.path).deletingLastPathComponent()
    let name = configuration.dataFolder ?? ".taffrail"
    return TaffrailHome(path: URL(fileURLWithPath: name, relativeTo: folder).path)
  }

  public var kubeconfig: String { "\(path)/kubeconfig" }
  public var pkiFolder: String { "\(path)/pki" }
  public var logsFolder: String { "\(path)/logs" }
  public var runFolder: String { "\(path)/run" }
  public var clusterIdentifierFile: String { "\(path)/cluster-id" }

  /// The data folder of a server.
  public func serverFolder(_ id: Int) -> String { "\(path)/server-\(id)" }
  /// What `tools/images/build` made, for every node.
  public var imagesFolder: String { "\(path)/images" }
  /// The configuration that the running processes were started with.
  public var runningConfiguration: String { "\(runFolder)/cluster.conf" }
  public func nodeFolder(_ name: String) -> String { "\(path)/nodes/\(name)" }
  public func logFile(_ process: String) -> String { "\(logsFolder)/\(process).log" }
  public func pidFile(_ process: String) -> String { "\(runFolder)/\(process).pid" }

  /// Makes the folders, and the cluster's identifier if there is none yet.
  ///
  /// - Throws: `HomeError`, also where the folder holds something else's files.
  public func prepare() throws {
    try AtomicFile.createFolder(path)
    // Servers may be started at once by hand, before there is anything.
    let lock = try FileLock.wait(path: "\(path)/.lock")
    defer { withExtendedLifetime(lock) {} }
    if !exists, let entries = try? FileManager.default.contentsOfDirectory(atPath: path),
      entries.contains(where: { $0 != ".lock" })
    {
      throw HomeError(
        path: path,
        message:
          "is not empty and holds no cluster; set TAFFRAIL_HOME or dataFolder to a new folder"
      )
    }
    for folder in [pkiFolder, logsFolder, runFolder] {
      try AtomicFile.createFolder(folder)
    }
    if !exists {
      let identifier = UInt64.random(in: 1 ... .max)
      try AtomicFile.write(
        Self.hexadecimal(identifier) + "\n", to: clusterIdentifierFile, mode: 0o644)
    }
  }

  /// Whether a cluster's state is there.
  public var exists: Bool {
    FileManager.default.fileExists(atPath: clusterIdentifierFile)
  }

  /// The number that tells this cluster's folders from those of any other; made once.
  ///
  /// - Throws: `HomeError` if it is missing or damaged.
  public func clusterIdentifier() throws -> UInt64 {
    guard let text = try AtomicFile.read(clusterIdentifierFile) else {
      throw HomeError(path: clusterIdentifierFile, message: "is missing; run taffrail up first")
    }
    let digits = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard digits.utf8.count == 16, let identifier = UInt64(digits, radix: 16), identifier != 0
    else {
      throw HomeError(
        path: clusterIdentifierFile,
        message: "is damaged; expected 16 hexadecimal digits as in the folders of the servers")
    }
    return identifier
  }

  /// Makes this another cluster: folders of the former one are refused from now on.
  public func replaceClusterIdentifier(by identifier: UInt64) throws {
    try AtomicFile.write(
      Self.hexadecimal(identifier) + "\n", to: clusterIdentifierFile, mode: 0o644)
  }

  /// Removes the folder with all state.
  ///
  /// - Throws: `HomeError` where it doesn't look like a cluster's folder, or can't be removed.
  public func wipe() throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    guard exists, path.split(separator: "/").count >= 2 else {
      throw HomeError(
        path: path, message: "holds no cluster (no file cluster-id); nothing was removed")
    }
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      throw HomeError(path: path, message: "can't be removed: \(error.localizedDescription)")
    }
  }

  private static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
