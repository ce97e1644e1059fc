#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A mutex with a condition whose timeouts follow the monotonic clock, so that setting the
/// machine's clock neither wakes nor blocks anybody.
///
/// `@unchecked Sendable`: the two pointers never change after `init`, and what they point to is
/// made for use by several threads.
final class Monitor: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  init() {
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    #if canImport(Glibc)
      // It is held for less time than it takes to put a thread to sleep: PTHREAD_MUTEX_ADAPTIVE_NP
      // of glibc's pthread.h, which Swift does not see, tries for a moment before that.
      let adaptive: Int32 = 3
      var kind = pthread_mutexattr_t()
      pthread_mutexattr_init(&kind)
      pthread_mutexattr_settype(&kind, adaptive)
      precondition(pthread_mutex_init(mutex, &kind) == 0, "a mutex can be made")
      pthread_mutexattr_destroy(&kind)
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      precondition(pthread_cond_init(condition, &attributes) == 0, "a condition can be made")
      pthread_condattr_destroy(&attributes)
    #else
      precondition(pthread_mutex_init(mutex, nil) == 0, "a mutex can be made")
      precondition(pthread_cond_init(condition, nil) == 0, "a condition can be made")
    #endif
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func withLock<Value>(_ body: () throws -> Value) rethrows -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Only within `withLock`.
  func wait() { pthread_cond_wait(condition, mutex) }

  /// Only within `withLock`. Returns at the latest at `deadline`, in nanoseconds of
  /// `monotonicNanoseconds`.
  func wait(untilNanoseconds deadline: UInt64) {
    #if canImport(Glibc)
      var time = timespec(
        tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
      pthread_cond_timedwait(condition, mutex, &time)
    #else
      let now = monotonicNanoseconds()
      let rest = deadline > now ? deadline - now : 0
      var time = timespec(tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
      pthread_cond_timedwait_relative_np(condition, mutex, &time)
    #endif
  }

  func signal() { pthread_cond_signal(condition) }
  func broadcast() { pthread_cond_broadcast(condition) }
}

/// Time since an arbitrary start, unaffected by changes of the machine's clock.
func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Milliseconds since an arbitrary start, those in which the machine was suspended included.
func bootTimeMilliseconds() -> UInt64 {
  #if canImport(Glibc)
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
  #else
    // Here the monotonic clock goes on while the machine sleeps.
    return monotonicNanoseconds() / 1_000_000
  #endif
}

/// Milliseconds since 1970, as the machine's clock has it.
func wallClockMilliseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return UInt64(max(0, time.tv_sec)) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
}
