import CProcess
import Glibc
import Synchronization

/// A process that this one has started, and how it ended.
///
/// Written on `posix_spawn` rather than taken from Foundation, whose `Process` reads beyond the
/// entry of a directory where this process has many files open, and lets children inherit the
/// signals that the starting thread has blocked.
public final class ChildProcess: Sendable {
  /// How a process ended.
  public enum Exit: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)

    /// As a shell's `$?` has it: 128 and the signal's number for one that was killed.
    public var status: Int32 {
      switch self {
      case .exited(let status): status
      case .killed(let signal): 128 + signal
      }
    }

    public var description: String {
      switch self {
      case .exited(let status): "exited with \(status)"
      case .killed(let signal): "killed by signal \(signal)"
      }
    }

    /// - Parameter status: of waitpid(2), whose low seven bits are the signal and whose next byte
    ///   is the status.
    init(waitStatus status: Int32) {
      let signal = status & 0x7f
      self = signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: signal)
    }
  }

  public let pid: pid_t
  private let exit = Mutex<Exit?>(nil)

  init(pid: pid_t) { self.pid = pid }

  /// Whether it has not ended yet.
  public var isRunning: Bool { reap(WNOHANG) == nil }

  /// Blocks the thread until the process has ended; at once where it has been waited for before.
  @discardableResult
  public func wait() -> Exit {
    if let known = exit.withLock({ $0 }) { return known }
    // Without the lock, and the process stays as a zombie: signals may be sent meanwhile, and its
    // number is not given to another.
    var information = siginfo_t()
    while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    return reap(0) ?? .exited(-1)
  }

  /// As `wait`, for async code: waits on a thread of its own.
  @discardableResult
  public func waited() async -> Exit {
    await withCheckedContinuation { continuation in
      OwnThread.run { continuation.resume(returning: self.wait()) }
    }
  }

  /// Blocks until the process has ended, but not longer than `timeoutMilliseconds`.
  ///
  /// - Returns: nil if it still runs.
  public func wait(timeoutMilliseconds: Int32) -> Exit? {
    if let known = reap(WNOHANG) { return known }
    ProcessWatch.waitForEnd(pid: pid, timeoutMilliseconds: timeoutMilliseconds)
    return reap(WNOHANG)
  }

  /// Sends a signal, unless the process has ended. False where nothing was sent.
  @discardableResult
  public func signal(_ number: Int32) -> Bool {
    exit.withLock { $0 == nil && kill(pid, number) == 0 }
  }

  /// SIGKILL, and waits for the end.
  public func killAndWait() {
    signal(SIGKILL)
    wait()
  }

  /// SIGTERM, and waits for the end; SIGKILL where it takes longer than `graceMilliseconds`.
  @discardableResult
  public func terminateAndWait(graceMilliseconds: Int32 = 60_000) -> Exit {
    signal(SIGTERM)
    if let exit = wait(timeoutMilliseconds: graceMilliseconds) { return exit }
    signal(SIGKILL)
    return wait()
  }

  /// Under the lock, so that nobody signals a number that is free again.
  private func reap(_ options: Int32) -> Exit? {
    exit.withLock { exit in
      if let exit { return exit }
      var status: Int32 = 0
      var result = waitpid(pid, &status, options)
      while result < 0, errno == EINTR { result = waitpid(pid, &status, options) }
      if result == pid {
        exit = Exit(waitStatus: status)
      } else if result < 0 {
        // Somebody else has reaped it.
        exit = .exited(-1)
      }
      return exit
    }
  }
}
