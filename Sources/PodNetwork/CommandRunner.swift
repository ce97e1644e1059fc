import Dispatch
import Foundation
import Glibc
import Synchronization

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

  private static let queue = DispatchQueue(label: "commands", attributes: .concurrent)

  /// Runs to the end; never throws for a status other than zero.
  public static func run(_ command: Command) async -> Result {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: runBlocking(command)) }
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
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command.arguments
    // A user's PATH may lack the folders where ip and nft are.
    var environment = ProcessInfo.processInfo.environment
    environment["PATH", default: ""] += ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    process.environment = environment
    let input = Pipe()
    let output = Pipe()
    let errors = Pipe()
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    do {
      try process.run()
    } catch {
      return Result(status: 127, output: "", errors: "\(error)")
    }
    // Three pipes are served at once: a program that fills one while we wait on another would
    // hang.
    let texts = Mutex<(output: Data, errors: Data)>((Data(), Data()))
    let group = DispatchGroup()
    queue.async(group: group) {
      let data = output.fileHandleForReading.readDataToEndOfFile()
      texts.withLock { $0.output = data }
    }
    queue.async(group: group) {
      let data = errors.fileHandleForReading.readDataToEndOfFile()
      texts.withLock { $0.errors = data }
    }
    if !command.input.isEmpty {
      // A program that ends without reading must not end this one by SIGPIPE.
      signal(SIGPIPE, SIG_IGN)
      try? input.fileHandleForWriting.write(contentsOf: Data(command.input.utf8))
    }
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
    group.wait()
    let (outputData, errorData) = texts.withLock { ($0.output, $0.errors) }
    let status =
      process.terminationReason == .uncaughtSignal
      ? 128 + process.terminationStatus : process.terminationStatus
    return Result(
      status: status, output: String(decoding: outputData, as: UTF8.self),
      errors: String(decoding: errorData, as: UTF8.self))
  }
}
