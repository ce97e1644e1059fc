import CProcess
import Glibc

/// The end of any process, a child or not.
public enum ProcessWatch {
  /// Blocks until the process with this number has ended, whether it was reaped or not; at once if
  /// there is none.
  ///
  /// - Parameter timeoutMilliseconds: −1 waits without a limit.
  /// - Returns: whether it has ended.
  @discardableResult
  public static func waitForEnd(pid: pid_t, timeoutMilliseconds: Int32 = -1) -> Bool {
    let descriptor = pidfd_open(pid, 0)
    guard descriptor >= 0 else { return errno == ESRCH }
    defer { close(descriptor) }
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while true {
      let count = Glibc.poll(&poll, 1, timeoutMilliseconds)
      if count >= 0 || errno != EINTR { return count > 0 }
    }
  }
}
