/// What checking every byte of a log found.
public struct LogVerification: Sendable, Hashable {
  public struct Problem: Sendable, Hashable, CustomStringConvertible {
    public var segment: String
    /// The first byte that is known to be bad; for a compressed block its beginning.
    public var offset: Int
    public var reason: String

    public var description: String { "\(segment), byte \(offset): \(reason)" }
  }

  public struct Segment: Sendable, Hashable {
    public var name: String
    public var bytes = 0
    /// Bytes of the records before compression.
    public var contentBytes = 0
    public var blocks = 0
    /// Of all types.
    public var records = 0
    /// Entries written here, also those that were replaced later.
    public var entries = 0
    public var firstIndex: UInt64?
    public var lastIndex: UInt64?
  }

  public var clusterID: UInt64 = 0
  public var replicaID: UInt64 = 0
  public var segments: [Segment] = []
  /// In the order of the log; the first is the first bad byte.
  public var problems: [Problem] = []
  /// A write that a crash interrupted: no problem, the replica cuts it when it starts.
  public var tornTail: LogRecovery.TornTail?

  public var isGood: Bool { problems.isEmpty }
  public var bytes: Int { segments.reduce(0) { $0 + $1.bytes } }
  public var records: Int { segments.reduce(0) { $0 + $1.records } }
}

/// Checks logs, of stopped and of running replicas.
public enum LogVerifier {
  /// Checks every checksum and the chain in every segment; goes on behind what is bad in the next
  /// segment. Changes nothing.
  ///
  /// - Throws: only what keeps it from looking, e.g. a folder that can't be read.
  public static func verify<D: Disk>(disk: D) throws(LogError) -> LogVerification {
    // A running replica may remove its oldest segment between our listing and reading it.
    for _ in 0..<4 {
      do { return try verifyOnce(disk) } catch {
        guard case .disk(let failure) = error, failure.kind == .missing else { throw error }
      }
    }
    return try verifyOnce(disk)
  }

  private static func verifyOnce<D: Disk>(_ disk: D) throws(LogError) -> LogVerification {
    let names = try disk.attempt { (disk) throws(DiskError) in try disk.list() }
    var found = LogVerification()
    var oldest: UInt64 = 0
    var newest: UInt64 = 0
    if names.contains(LogManifest.name) {
      let bytes = try disk.attempt { (disk) throws(DiskError) in
        try disk.read(LogManifest.name, at: 0, count: LogManifest.size + 1)
      }
      do {
        let manifest = try LogManifest.decode(bytes)
        (found.clusterID, found.replicaID) = (manifest.clusterID, manifest.replicaID)
        (oldest, newest) = (manifest.oldest, manifest.newest)
      } catch {
        found.note(error, in: LogManifest.name)
      }
    } else {
      found.problems.append(
        .init(segment: LogManifest.name, offset: 0, reason: "the manifest is missing"))
    }
    let present = names.compactMap { SegmentHeader.sequence(of: $0) }.filter { $0 >= oldest }
      .sorted()
    var expected = oldest > 0 ? oldest : present.first ?? 0
    var chain: UInt64?
    for sequence in present {
      if expected < sequence {
        found.noteMissing(expected...(sequence - 1))
        chain = nil
      }
      chain = try found.check(disk, sequence, after: chain, isLast: sequence == present.last)
      expected = sequence + 1
    }
    if expected <= newest { found.noteMissing(expected...newest) }
    return found
  }
}

extension LogVerification {
  fileprivate mutating func note(_ error: LogError, in segment: String) {
    switch error {
    case .damaged(let segment, let offset, let reason):
      problems.append(Problem(segment: segment, offset: offset, reason: reason))
    default:
      problems.append(Problem(segment: segment, offset: 0, reason: error.description))
    }
  }

  /// Names the first ones; a manifest can speak of any number.
  fileprivate mutating func noteMissing(_ sequences: ClosedRange<UInt64>) {
    let named = sequences.prefix(100)
    for sequence in named {
      problems.append(
        Problem(
          segment: SegmentHeader.name(sequence), offset: 0, reason: "the segment is missing"))
    }
    guard let last = named.last, last < sequences.upperBound else { return }
    problems.append(
      Problem(
        segment: SegmentHeader.name(sequences.upperBound), offset: 0,
        reason: "\(sequences.upperBound - last) more segments up to this one are missing"))
  }

  /// Returns the chain's value at the segment's end; `nil` where it isn't known.
  fileprivate mutating func check<D: Disk>(
    _ disk: D, _ sequence: UInt64, after chain: UInt64?, isLast: Bool
  ) throws(LogError) -> UInt64? {
    let name = SegmentHeader.name(sequence)
    let bytes = try disk.attempt { (disk) throws(DiskError) in
      try disk.read(name, at: 0, count: try disk.size(of: name))
    }
    var report = Segment(name: name, bytes: bytes.count)
    defer { segments.append(report) }
    var scanner: SegmentScanner
    do { scanner = try SegmentScanner(name: name, bytes: bytes) } catch {
      note(error, in: name)
      return nil
    }
    if scanner.header.sequence != sequence {
      problems.append(
        Problem(segment: name, offset: 32, reason: "the segment has another one's name"))
    }
    if clusterID != 0,
      scanner.header.clusterID != clusterID || scanner.header.replicaID != replicaID
    {
      problems.append(
        Problem(segment: name, offset: 16, reason: "the segment belongs to another log"))
    }
    if let chain, chain != scanner.header.chain, !scanner.header.isReset, let before = segments.last
    {
      problems.append(
        Problem(
          segment: before.name, offset: before.bytes,
          reason: "records are missing between its end and \(name)"))
    }
    var last: UInt64?
    let problem = scanner.scan { block, _ in
      report.blocks += 1
      report.records += block.records.count
      report.contentBytes += block.content.count
      for record in block.records {
        if record.type == .end { last = record.index }
        guard record.type == .entry else { continue }
        if let last, record.index != last &+ 1 {
          return "entry \(record.index) follows entry \(last)"
        }
        last = record.index
        report.entries += 1
        report.firstIndex = min(report.firstIndex ?? record.index, record.index)
        report.lastIndex = record.index
      }
      return nil
    }
    guard let problem else {
      // What may follow was written ahead.
      report.bytes = scanner.end
      return scanner.chain
    }
    if isLast, problem.isTorn {
      tornTail = LogRecovery.TornTail(
        segment: name, offset: problem.block, bytes: bytes.count - problem.block,
        reason: problem.reason)
    } else {
      problems.append(Problem(segment: name, offset: problem.offset, reason: problem.reason))
    }
    return nil
  }
}
