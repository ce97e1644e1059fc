/// How long to wait between tries: exponential, bounded, with jitter.
///
/// Pure: the caller draws the jitter.
public struct Backoff: Sendable {
  public var initialMilliseconds: Int64
  public var maximumMilliseconds: Int64
  public private(set) var failures = 0

  public init(initialMilliseconds: Int64, maximumMilliseconds: Int64) {
    precondition(initialMilliseconds > 0 && maximumMilliseconds >= initialMilliseconds)
    self.initialMilliseconds = initialMilliseconds
    self.maximumMilliseconds = maximumMilliseconds
  }

  /// Milliseconds before the next try: doubles with each call, of which between one half and the
  /// whole is taken as `jitter` goes from 0 to 1.
  public mutating func next(jitter: Double) -> Int64 {
    let shift = min(failures, 32)
    failures += 1
    let full = min(initialMilliseconds << shift, maximumMilliseconds)
    let kept = Double(full) * (0.5 + 0.5 * min(max(jitter, 0), 1))
    return max(1, Int64(kept))
  }

  public mutating func reset() { failures = 0 }
}
