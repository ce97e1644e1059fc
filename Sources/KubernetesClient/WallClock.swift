#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The time of day as the API writes it.
public struct WallClock: Sendable, Hashable {
  /// Since 1970, UTC.
  public var seconds: Int64
  public var nanoseconds: Int64

  public init(seconds: Int64, nanoseconds: Int64 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  public static var now: WallClock {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallClock(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
  }

  /// `Time` of meta/v1: whole seconds, e.g. `2026-01-02T03:04:05Z`.
  public var time: String { "\(calendar)Z" }

  /// `MicroTime` of meta/v1, e.g. `2026-01-02T03:04:05.000006Z`.
  public var microTime: String {
    let digits = String(nanoseconds / 1000)
    return "\(calendar).\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)Z"
  }

  private var calendar: String {
    var time = time_t(seconds)
    var fields = tm()
    gmtime_r(&time, &fields)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(fields.tm_year + 1900)-\(two(fields.tm_mon + 1))-\(two(fields.tm_mday))"
      + "T\(two(fields.tm_hour)):\(two(fields.tm_min)):\(two(fields.tm_sec))"
  }
}
