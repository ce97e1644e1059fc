import ChildProcesses
import Foundation

/// What a finished command printed, and how it ended.
struct CommandResult: CustomStringConvertible {
  var command: String
  var status: Int32
  var output: String
  var errors: String

  var description: String { "$ \(command)\n\(output)\(errors)→ \(status)" }
}

/// Runs commands as a person at a terminal would, with a bound on their time.
struct Shell: Sendable {
  var environment: [String: String] = [:]
  var directory: String?

  func run(_ arguments: [String], input: String? = nil, timeoutSeconds: Double = 60)
    -> CommandResult
  {
    let command = arguments.joined(separator: " ")
    do {
      let result = try ChildProcess.run(
        arguments, input: Array((input ?? "").utf8),
        timeoutMilliseconds: Int64(timeoutSeconds * 1_000),
        .init(environment: environment, directory: directory))
      return CommandResult(
        command: command, status: result.exit.status, output: result.outputText,
        errors: result.errorText)
    } catch {
      return CommandResult(command: command, status: 127, output: "", errors: "\(error)\n")
    }
  }

  /// Runs `arguments` again and again until `isDone` holds of the result, at most `timeoutSeconds`.
  func until(
    _ arguments: [String], timeoutSeconds: Double = 60, isDone: (CommandResult) -> Bool
  ) -> CommandResult {
    let deadline = Date().addingTimeInterval(timeoutSeconds)
    while true {
      let result = run(arguments, timeoutSeconds: 20)
      if isDone(result) || Date() > deadline { return result }
      Thread.sleep(forTimeInterval: 0.2)
    }
  }
}
