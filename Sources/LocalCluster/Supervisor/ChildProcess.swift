import ClusterConfiguration
import Foundation

/// Starts processes that outlive this one and its terminal.
enum ChildProcess {
  struct SpawnError: Error, CustomStringConvertible {
    var description: String
  }

  /// Starts `command` in a session of its own, with standard output and error appended to
  /// `logFile` and no input.
  ///
  /// - Throws: `SpawnError` with the system's reason.
  static func spawn(
    _ command: [String], logFile: String, environment: [String: String]
  ) throws -> ProcessIdentity {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, logFile, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Nor what else is open here: somebody who reads a pipe to its end would wait for the child.
    // Closing what is not open is no failure in glibc, unless the number is out of range.
    for descriptor in 3..<highestDescriptor() {
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // What this process ignores or blocks is no business of its children.
    var everySignal = sigset_t()
    sigfillset(&everySignal)
    posix_spawnattr_setsigdefault(&attributes, &everySignal)
    var noSignal = sigset_t()
    sigemptyset(&noSignal)
    posix_spawnattr_setsigmask(&attributes, &noSignal)
    // SETSID (0x80 in glibc's spawn.h): a Ctrl-C in the terminal of `taffrail up` reaches none.
    let flags = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | 0x80
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var variables = environment
    // A user's PATH may lack the folders where ip and nft are.
    variables["PATH", default: ""] +=
      ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
    var pid: pid_t = 0
    let code = withCStrings(command) { arguments in
      withCStrings(variables.map { "\($0.key)=\($0.value)" }) { environment in
        posix_spawnp(&pid, command[0], &actions, &attributes, arguments, environment)
      }
    }
    guard code == 0 else {
      throw SpawnError(description: "\(command[0]): \(String(cString: strerror(code)))")
    }
    // Not reaped yet, so its entry in /proc is there even if it has ended.
    guard let identity = ProcessIdentity.existing(pid: pid) else {
      throw SpawnError(description: "\(command[0]): process \(pid) is not in /proc")
    }
    return identity
  }

  /// Above those that this process has open: it holds a few dozen at most.
  private static func highestDescriptor() -> Int32 {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else {
      return 256
    }
    return Int32(max(3, min(limit.rlim_cur, 1024)))
  }

  /// Waits on a thread of its own until a child of this process ends, and reaps it.
  static func awaitExit(
    of process: ProcessIdentity, then report: @escaping @Sendable (String) -> Void
  ) {
    Thread.detachNewThread {
      var status: Int32 = 0
      while waitpid(process.pid, &status, 0) < 0 {
        if errno != EINTR {
          report("ended")
          return
        }
      }
      // The macros of wait(2): the low seven bits are the signal, the next byte the status.
      let signal = status & 0x7f
      report(signal == 0 ? "exited with \((status >> 8) & 0xff)" : "killed by signal \(signal)")
    }
  }

  /// The same for a process that isn't our child: looks every 50 ms.
  static func awaitEnd(
    of process: ProcessIdentity, then report: @escaping @Sendable (String) -> Void
  ) {
    Thread.detachNewThread {
      while process.isRunning { usleep(50_000) }
      report("ended")
    }
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer {
      for pointer in pointers { free(pointer) }
    }
    pointers.append(nil)
    return pointers.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("never empty") }
      return body(base)
    }
  }
}
