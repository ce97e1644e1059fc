/// Why the log could not do something.
public enum LogError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Bytes that were once synced are not what was written. Nothing is changed: the replica's
  /// peers have what is missing here.
  case damaged(segment: String, offset: Int, reason: String)
  /// A segment is not there, though those around it, or the manifest, show that it was.
  case missingSegment(String)
  /// The folder belongs to another cluster.
  case otherCluster(found: UInt64, expected: UInt64)
  /// The folder belongs to another replica of the cluster.
  case otherReplica(found: UInt64, expected: UInt64)
  /// A newer program wrote this file.
  case unknownVersion(file: String, version: UInt32)
  /// The disk is full. Nothing was appended, and the log goes on.
  case noSpace(String)
  /// A sync failed: what is on disk is no longer known, so the log takes no more.
  case syncFailed(String)
  /// Reading or writing failed.
  case disk(DiskError)
  /// The caller asked for what can't be, e.g. to append past a gap.
  case invalid(String)
  /// Entries before `first` are no longer kept.
  case compacted(first: UInt64)

  public var description: String {
    switch self {
    case .damaged(let segment, let offset, let reason):
      "\(segment) is damaged at byte \(offset): \(reason)"
    case .missingSegment(let name): "\(name) is missing"
    case .otherCluster(let found, let expected):
      "the log belongs to cluster \(Hexadecimal.text(found)), not to "
        + "\(Hexadecimal.text(expected)); is the data folder the right one?"
    case .otherReplica(let found, let expected):
      "the log belongs to replica \(found), not to \(expected); is the data folder the right one?"
    case .unknownVersion(let file, let version):
      "\(file) has format version \(version), which this program does not know; "
        + "was it written by a newer one?"
    case .noSpace(let message): "no space is left: \(message)"
    case .syncFailed(let message):
      "a sync failed, so the log takes no more until the process is restarted: \(message)"
    case .disk(let error): error.description
    case .invalid(let message): message
    case .compacted(let first): "entries before \(first) are no longer kept"
    }
  }

  static func from(_ error: DiskError) -> LogError {
    error.kind == .noSpace ? .noSpace(error.description) : .disk(error)
  }
}
