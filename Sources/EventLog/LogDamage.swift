/// Damage to a log: what was lost with it, and what can be done about it where it lies.
///
/// A torn tail is no damage: it was never synced, so nobody was told that it is there.
public struct LogDamage: Sendable, Hashable {
  /// The first thing that is wrong.
  public var error: LogError
  /// The newest vote, where it is certain that no newer one was lost.
  public var vote: LogVote?
  /// The highest term of any record that can still be read.
  public var seenTerm: UInt64 = 0
  /// The highest index of any entry that can still be read.
  public var seenIndex: UInt64 = 0

  public init(error: LogError, vote: LogVote? = nil, seenTerm: UInt64 = 0, seenIndex: UInt64 = 0) {
    self.error = error
    self.vote = vote
    self.seenTerm = seenTerm
    self.seenIndex = seenIndex
  }
}

extension LogError {
  /// Whether something that was synced is missing or changed, which peers, or a newer state, can
  /// make up for.
  public var isDamage: Bool {
    switch self {
    case .damaged, .missingSegment: true
    default: false
    }
  }

  /// The segment that is damaged or missing.
  var segment: UInt64? {
    switch self {
    case .damaged(let name, _, _), .missingSegment(let name): SegmentHeader.sequence(of: name)
    default: nil
    }
  }
}

/// Looks at damaged logs, and sets aside what a newer state makes superfluous.
public enum LogRepair {
  /// What is wrong with the log; `nil` where nothing is. Changes nothing.
  ///
  /// - Throws: what is no damage, e.g. a log of another cluster.
  public static func examine<D: Disk>(_ disk: D) throws(LogError) -> LogDamage? {
    do {
      _ = try LoadedLog.read(disk)
      return nil
    } catch {
      guard error.isDamage else { throw error }
      return damage(disk, error)
    }
  }

  private static func damage<D: Disk>(_ disk: D, _ error: LogError) -> LogDamage {
    var damage = LogDamage(error: error)
    let names = (try? disk.list()) ?? []
    let present = names.compactMap { SegmentHeader.sequence(of: $0) }.sorted()
    let manifest = (try? disk.readChecked(LogManifest.name)).flatMap {
      try? LogManifest.decode($0)
    }
    for sequence in present {
      let name = SegmentHeader.name(sequence)
      guard let bytes = try? disk.readChecked(name),
        var scanner = try? SegmentScanner(name: name, bytes: bytes)
      else { continue }
      damage.seenTerm = max(damage.seenTerm, scanner.header.base.term)
      var vote: LogVote?
      let problem = scanner.scan { block, _ in
        for record in block.records {
          damage.seenTerm = max(damage.seenTerm, record.term)
          switch record.type {
          case .vote: vote = record.vote(in: block.content)
          case .entry: damage.seenIndex = max(damage.seenIndex, record.index)
          case .end: break
          }
        }
        return nil
      }
      // Each segment begins with the vote as it was then. So the last one knows the newest, if
      // it is whole, and the manifest vouches that none came after it. Zeros at its end may stand
      // where a later one was.
      if sequence == present.last, problem == nil, scanner.reachesEnd, let manifest,
        manifest.newest <= sequence
      {
        damage.vote = vote
      }
    }
    return damage
  }

  /// Sets damaged segments aside (renamed, so that they can be looked at) where all that they and
  /// the segments before them held is in a state as of `applied`, and everything after it is
  /// sound. The log then begins later, as if those segments had been removed for their age.
  ///
  /// - Returns: the new names of what was set aside, or `nil` where more was lost than that;
  ///   nothing is changed then.
  public static func setAside<D: Disk>(
    _ disk: D, coveredBy applied: LogPosition
  ) throws(LogError) -> [String]? {
    guard let bytes = try? disk.readChecked(LogManifest.name),
      let manifest = try? LogManifest.decode(bytes)
    else { return nil }
    let names = try disk.attempt { (disk) throws(DiskError) in try disk.list() }
    let present = names.compactMap { SegmentHeader.sequence(of: $0) }
      .filter { $0 >= manifest.oldest }.sorted()
    var damaged: [UInt64] = []
    for start in present where start > damaged.last ?? 0 {
      do {
        guard let log = try LoadedLog.read(disk, from: start) else { return nil }
        guard let first = log.segments.first, !damaged.isEmpty || first.sequence > manifest.oldest,
          log.index.base.index <= applied.index, log.index.term(at: applied.index) == applied.term
        else { return nil }
        return try setAside(
          disk, damaged.filter(present.contains), manifest: manifest, first: first.sequence)
      } catch {
        guard error.isDamage else { throw error }
        damaged.append(max(start, error.segment ?? start))
      }
    }
    return nil
  }

  /// First the names, then the manifest: where the power fails between, the segments are
  /// missing, and the next start comes here again.
  private static func setAside<D: Disk>(
    _ disk: D, _ skipped: [UInt64], manifest: LogManifest, first: UInt64
  ) throws(LogError) -> [String] {
    var moved: [String] = []
    for sequence in skipped {
      let name = SegmentHeader.name(sequence)
      try disk.attempt { (disk) throws(DiskError) in
        try disk.rename(name, to: name + damagedSuffix)
      }
      moved.append(name + damagedSuffix)
    }
    var updated = manifest
    updated.oldest = first
    updated.newest = max(manifest.newest, first)
    let temporary = LogManifest.name + ".tmp"
    try disk.attempt { (disk) throws(DiskError) in
      try disk.syncDirectory()
      if try disk.list().contains(temporary) { try disk.remove(temporary) }
      try disk.append(updated.encoded(), to: temporary)
      try disk.sync(temporary)
      try disk.rename(temporary, to: LogManifest.name)
      try disk.syncDirectory()
    }
    return moved
  }

  static let damagedSuffix = ".damaged"
}
