#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Time that only ever moves forward, for intervals.
public enum MonotonicClock {
  public static var nowNanoseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
