import Foundation

/// A process started with posix_spawn.
///
/// Not with Foundation's `Process`: while it looks for open files it reads beyond the entry of a
/// directory, which ends a process that has as many of them open as tests in parallel have.
struct SpawnedProcess: Sendable {
  struct Failure: Error, CustomStringConvertible { var description: String }

  let pid: pid_t

  /// Starts a command with nothing to read, which writes both its outputs to `output`.
  ///
  /// - Parameter environment: what differs from this process's own.
  init(_ words: [String], environment: [String: String], output: Int32) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)
    // Who reads a pipe to its end would else wait for other children too.
    // Closing what is not open is no failure in glibc, unless the number is out of range.
    for descriptor in 3..<Self.descriptors {
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var everySignal = sigset_t()
    sigfillset(&everySignal)
    posix_spawnattr_setsigdefault(&attributes, &everySignal)
    var noSignal = sigset_t()
    sigemptyset(&noSignal)
    posix_spawnattr_setsigmask(&attributes, &noSignal)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))

    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    var pid: pid_t = 0
    let code = Self.withCStrings(words) { arguments in
      Self.withCStrings(variables.map { "\($0.key)=\($0.value)" }) { environment in
        posix_spawnp(&pid, words[0], &actions, &attributes, arguments, environment)
      }
    }
    guard code == 0 else {
      throw Failure(description: "\(words[0]): \(String(cString: strerror(code)))")
    }
    self.pid = pid
  }

  /// Waits for the end; to be called once. Blocks the thread.
  func wait() -> (status: Int32, wasKilledBySignal: Bool) {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 {
      if errno != EINTR { return (-1, true) }
    }
    let signal = status & 0x7f
    return signal == 0 ? ((status >> 8) & 0xff, false) : (signal, true)
  }

  /// Beyond the highest that the tests open.
  private static let descriptors: Int32 = {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else {
      return 1_024
    }
    return Int32(min(limit.rlim_cur, 4_096))
  }()

  private static func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
      // It has at least the nil at its end.
      body(buffer.baseAddress!)
    }
  }
}
