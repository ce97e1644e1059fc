import Keyspace

/// Why the projection, or the history in it, could not do something.
public enum ProjectionError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file is not what was written. It can be made again from the log or a peer.
  case damaged(String)
  /// The disk is full; nothing was changed.
  case noSpace(String)
  case otherCluster(found: UInt64, expected: UInt64)
  case otherReplica(found: UInt64, expected: UInt64)
  /// A newer program made the file.
  case newerVersion(Int)
  /// History before `oldest` is no longer kept.
  case compacted(oldest: Revision)
  /// The revision is yet to come.
  case future(current: Revision)
  /// There is nothing to read.
  case missing(String)
  case failed(String)

  public var description: String {
    switch self {
    case .damaged(let reason): "the projection is damaged: \(reason)"
    case .noSpace(let reason): "no space is left for the projection: \(reason)"
    case .otherCluster(let found, let expected):
      "the projection belongs to cluster \(String(found, radix: 16)), not to "
        + "\(String(expected, radix: 16)); is the data folder the right one?"
    case .otherReplica(let found, let expected):
      "the projection belongs to replica \(found), not to \(expected); is the data folder the "
        + "right one?"
    case .newerVersion(let version):
      "the projection has version \(version), which this program does not know; was it written by "
        + "a newer one?"
    case .compacted(let oldest): "history before revision \(oldest) is no longer kept"
    case .future(let current): "the newest revision is \(current)"
    case .missing(let reason), .failed(let reason): reason
    }
  }
}
