/// A replica's log: entries and votes, durable in segments on a disk.
///
/// Used from one thread. `Docs/log-format.md` describes the bytes.
public struct EventLog<D: Disk> {
  let disk: D
  let options: LogOptions
  var manifest: LogManifest
  var segments: [LoadedLog.Segment]
  var index: LogIndex
  var chain: UInt64
  /// How much of the last segment is known to be durable.
  var syncedLength: Int
  /// Set by what leaves the disk's contents unknown.
  var failure: LogError?

  /// The newest vote that was appended.
  public internal(set) var vote: LogVote
  /// What opening found and repaired.
  public internal(set) var recovery = LogRecovery()

  /// What precedes the first entry.
  public var base: LogPosition { index.base }
  /// Where `lastIndex` is less, the log is empty.
  public var firstIndex: UInt64 { index.base.index &+ 1 }
  public var lastIndex: UInt64 { index.last.index }
  public var lastTerm: UInt64 { index.last.term }
  public var byteCount: Int { segments.reduce(0) { $0 + $1.size } }
  public var segmentCount: Int { segments.count }

  /// The term of an entry, or of the one before the first; `nil` where it isn't known.
  public func term(at index: UInt64) -> UInt64? { self.index.term(at: index) }

  /// Opens the log, or makes it where the folder has none.
  ///
  /// Every byte is checked. An unsynced write that a crash interrupted is cut from the end, which
  /// `recovery` tells; damage to what once was synced is an error, and nothing is changed.
  ///
  /// - Parameter entry: one that is known to have been in the log, and so must be in it, or
  ///   before its beginning; where it is not, entries were lost.
  public static func open(
    disk: D, options: LogOptions, reaching entry: LogPosition? = nil
  ) throws(LogError) -> EventLog {
    guard let loaded = try LoadedLog.read(disk) else {
      // All of it is gone, and with it the vote.
      if let entry, entry.index > 0 { throw .missingSegment(LogManifest.name) }
      let manifest = LogManifest(
        clusterID: options.clusterID, replicaID: options.replicaID, oldest: 1, newest: 0)
      var log = EventLog(
        disk: disk, options: options, loaded: LoadedLog(manifest: manifest))
      try log.fatal { (log) throws(LogError) in
        try log.write(manifest)
        try log.beginSegment(isReset: false, base: LogPosition())
      }
      return log
    }
    try loaded.manifest.check(options)
    if let entry { try loaded.check(reaching: entry) }
    var log = EventLog(disk: disk, options: options, loaded: loaded)
    try log.fatal { (log) throws(LogError) in try log.repair(loaded) }
    return log
  }

  private init(disk: D, options: LogOptions, loaded: LoadedLog) {
    self.disk = disk
    self.options = options
    manifest = loaded.manifest
    segments = loaded.segments
    index = loaded.index
    chain = loaded.chain
    vote = loaded.vote
    syncedLength = 0
  }

  private mutating func repair(_ loaded: LoadedLog) throws(LogError) {
    for name in loaded.leftovers {
      try attempt { (disk) throws(DiskError) in try disk.remove(name) }
    }
    recovery.removedFiles = loaded.leftovers
    guard let last = segments.last, let first = segments.first else {
      try beginSegment(isReset: false, base: LogPosition())
      return
    }
    recovery.tornTail = loaded.tornTail
    // The torn tail, or space that was written ahead.
    if last.fileSize > last.size {
      try attempt { (disk) throws(DiskError) in try disk.truncate(last.name, to: last.size) }
      segments[segments.count - 1].fileSize = last.size
    }
    // What was read may be in the page cache only.
    try synchronize { (disk) throws(DiskError) in
      try disk.sync(last.name)
      try disk.syncDirectory()
    }
    syncedLength = last.size
    if manifest.oldest != first.sequence || manifest.newest != last.sequence {
      var updated = manifest
      updated.oldest = first.sequence
      updated.newest = last.sequence
      try write(updated)
    }
  }

  /// Makes everything that was appended durable, with one sync however many appends there were.
  ///
  /// - Throws: `syncFailed`, and again at every later call: after a failed sync the system may
  ///   have dropped what it could not write, so a retry that succeeds would prove nothing.
  public mutating func sync() throws(LogError) {
    try checkFailure()
    guard let last = segments.last, syncedLength < last.size else { return }
    try synchronize { (disk) throws(DiskError) in try disk.sync(last.name) }
    syncedLength = last.size
  }
}

extension EventLog {
  func checkFailure() throws(LogError) {
    if let failure { throw failure }
  }

  func attempt<Result>(
    _ body: (D) throws(DiskError) -> Result
  ) throws(LogError) -> Result {
    try disk.attempt(body)
  }

  /// Runs what leaves the log in an unknown state where it fails, except for want of space
  /// before anything was changed.
  mutating func fatal(
    _ body: (inout EventLog) throws(LogError) -> Void
  ) throws(LogError) {
    do { try body(&self) } catch {
      failure = error
      throw error
    }
  }

  mutating func synchronize(_ body: (D) throws(DiskError) -> Void) throws(LogError) {
    do { try body(disk) } catch {
      let failed = LogError.syncFailed(error.description)
      failure = failed
      throw failed
    }
  }
}
