@testable import EventLog

typealias Log = EventLog<FaultDisk>

extension LogOptions {
  static func small(segmentBytes: Int = 4096) -> LogOptions {
    LogOptions(clusterID: 0xC1, replicaID: 2, segmentBytes: segmentBytes)
  }
}

/// Entries whose payload doesn't compress below what tests expect of sizes.
func entries(_ indices: ClosedRange<UInt64>, term: UInt64 = 1, bytes: Int = 40) -> [LogRecord] {
  indices.map { index in
    var state = index &* 31 &+ term
    let payload = (0..<bytes).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
    return LogRecord(term: term, index: index, kind: 1, payload: payload)
  }
}

extension EventLog {
  var all: [LogRecord] {
    get throws { try records(from: firstIndex, through: lastIndex, maximumBytes: 0) }
  }
}
