import ChildProcesses
import Foundation

/// Why a command did not do its work.
public struct CommandError: Error, Sendable, CustomStringConvertible {
  public var command: Command
  /// The exit status; 128 plus the signal for a killed program, 127 for one that is not there.
  public var status: Int32
  public var output: String

  public var description: String {
    if status == 127, output.isEmpty { return "\(command.arguments[0]): command not found" }
    return "`\(command)` failed (\(status)): \(output)"
  }
}

/// Runs commands, each on a thread that may block.
public enum CommandRunner {
  public struct Result: Sendable {
    public var status: Int32
    public var output: String
    public var errors: String
  }

  /// Runs to the end; never throws for a status other than zero.
  public static func run(_ command: Command) async -> Result {
    await withCheckedContinuation { continuation in
      OwnThread.run { continuation.resume(returning: runBlocking(command)) }
    }
  }

  /// - Throws: `CommandError` for a failure that the command does not tolerate.
  @discardableResult
  public static func check(_ command: Command) async throws -> String {
    let result = await run(command)
    let text = (result.errors.isEmpty ? result.output : result.errors)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard result.status == 0 || command.tolerated.contains(where: text.contains) else {
      throw CommandError(command: command, status: result.status, output: text)
    }
    return result.output
  }

  /// In order; stops at the first failure.
  public static func check(_ commands: [Command]) async throws {
    for command in commands { try await check(command) }
  }

  static func runBlocking(_ command: Command) -> Result {
    do {
      let result = try ChildProcess.run(command.arguments, input: Array(command.input.utf8))
      return Result(
        status: result.exit.status, output: result.outputText, errors: result.errorText)
    } catch {
      return Result(
        status: error.isNotFound ? 127 : 126, output: "",
        errors: error.isNotFound ? "" : error.description)
    }
  }
}
