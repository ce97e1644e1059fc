import ChildProcesses
import Foundation
import Synchronization

/// Ends what the tests have started when they end themselves in whatever way: a shell that waits
/// for the end of its input, which the kernel brings about, and then kills what is still noted.
final class ProcessWatchdog: Sendable {
  static let shared = ProcessWatchdog()

  private let input: Mutex<FileHandle?>

  private init() {
    let pipe = Pipe()
    let command = [
      "/bin/sh", "-c",
      """
      while read sign pid; do
        rest=
        for p in $all; do [ $p = $pid ] || rest="$rest $p"; done
        all=$rest
        [ $sign = + ] && all="$all $pid"
      done
      [ -z "$all" ] || kill -9 $all 2> /dev/null
      """,
    ]
    let shell = try? ChildProcess.start(
      command, .init(input: .descriptor(pipe.fileHandleForReading.fileDescriptor)))
    input = Mutex(shell == nil ? nil : pipe.fileHandleForWriting)
  }

  func started(_ pid: Int32) { note("+ \(pid)\n") }
  func ended(_ pid: Int32) { note("- \(pid)\n") }

  private func note(_ line: String) {
    input.withLock { try? $0?.write(contentsOf: Data(line.utf8)) }
  }
}
