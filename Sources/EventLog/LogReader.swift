/// Reads a log without changing anything: of a replica that is stopped, or, as far as it was
/// written when this was opened, of one that runs.
public struct LogReader<D: Disk> {
  private let disk: D
  private let loaded: LoadedLog

  /// Opens the log of a folder; `nil` where it has none.
  ///
  /// - Throws: what `EventLog.open` does, except that the log may be anyone's.
  public init?(disk: D) throws(LogError) {
    self.disk = disk
    // A running replica may remove its oldest segment between our listing and reading it.
    var attempts = 0
    while true {
      do {
        guard let loaded = try LoadedLog.read(disk) else { return nil }
        self.loaded = loaded
        return
      } catch {
        attempts += 1
        let isRace: Bool
        switch error {
        case .missingSegment: isRace = true
        case .disk(let error): isRace = error.kind == .missing
        default: isRace = false
        }
        if !isRace || attempts == 5 { throw error }
      }
    }
  }

  public var clusterID: UInt64 { loaded.manifest.clusterID }
  public var replicaID: UInt64 { loaded.manifest.replicaID }
  public var vote: LogVote { loaded.vote }
  public var base: LogPosition { loaded.index.base }
  public var firstIndex: UInt64 { loaded.index.base.index &+ 1 }
  public var lastIndex: UInt64 { loaded.index.last.index }
  public var lastTerm: UInt64 { loaded.index.last.term }
  /// An incomplete write at the end, which is left out here and cut when the replica starts.
  public var tornTail: LogRecovery.TornTail? { loaded.tornTail }
  public var byteCount: Int { loaded.segments.reduce(0) { $0 + $1.size } }
  public var segmentCount: Int { loaded.segments.count }

  public func term(at index: UInt64) -> UInt64? { loaded.index.term(at: index) }

  /// As `EventLog.records`.
  public func records(
    from: UInt64, through: UInt64, maximumBytes: Int
  ) throws(LogError) -> [LogRecord] {
    try BlockReader.records(
      disk: disk, index: loaded.index, from: from, through: through, maximumBytes: maximumBytes)
  }
}
