import Foundation
import Synchronization

/// A command that runs beside the test.
final class BackgroundCommand: Sendable {
  private let result = Mutex<CommandResult?>(nil)
  private let group = DispatchGroup()

  init(_ shell: Shell, _ arguments: [String], timeoutSeconds: Double) {
    DispatchQueue.global().async(group: group) { [self] in
      let finished = shell.run(arguments, timeoutSeconds: timeoutSeconds)
      result.withLock { $0 = finished }
    }
  }

  var isRunning: Bool { result.withLock { $0 == nil } }

  /// Waits for its end, which its time limit brings about if nothing else does.
  func wait() -> CommandResult? {
    group.wait()
    return result.withLock { $0 }
  }
}
