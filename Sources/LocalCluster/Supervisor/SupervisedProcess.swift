import ChildProcesses
import ClusterConfiguration

/// A process that may outlive this one and its terminal: started here, or found running.
struct SupervisedProcess: Sendable {
  struct StartError: Error, CustomStringConvertible { var description: String }

  let identity: ProcessIdentity
  /// nil for one that is not our child.
  private let child: ChildProcess?

  init(adopting identity: ProcessIdentity) {
    self.identity = identity
    child = nil
  }

  /// Starts `command` in a session of its own, with standard output and error appended to
  /// `logFile` and no input.
  ///
  /// - Throws: an error with the system's reason.
  init(_ command: [String], logFile: String, environment: [String: String] = [:]) throws {
    let child = try ChildProcess.start(
      command,
      .init(output: .appended(toFile: logFile), environment: environment, hasOwnSession: true))
    // Not reaped yet, so its entry in /proc is there even if it has ended.
    guard let identity = ProcessIdentity.existing(pid: child.pid) else {
      throw StartError(description: "\(command[0]): process \(child.pid) is not in /proc")
    }
    self.child = child
    self.identity = identity
  }

  /// Calls `report` when it has ended, with how, on a thread that waited for it; a child is reaped.
  func whenEnded(_ report: @escaping @Sendable (String) -> Void) {
    OwnThread.run {
      if let child {
        report(child.wait().description)
      } else {
        // Looked at again and again: its number may have been another's when it was asked for.
        while identity.isRunning {
          ProcessWatch.waitForEnd(pid: identity.pid, timeoutMilliseconds: 1_000)
        }
        report("ended")
      }
    }
  }
}
