import Foundation
import Synchronization

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

  /// Collects a pipe's bytes from the thread that reads it.
  private final class Buffer: Sendable {
    let bytes = Mutex(Data())
  }

  func run(_ arguments: [String], input: String? = nil, timeoutSeconds: Double = 60)
    -> CommandResult
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    let output = Pipe()
    let errors = Pipe()
    let stdin = Pipe()
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = input == nil ? FileHandle.nullDevice : stdin
    let command = arguments.joined(separator: " ")
    do {
      try process.run()
    } catch {
      return CommandResult(command: command, status: 127, output: "", errors: "\(error)\n")
    }
    if let input {
      stdin.fileHandleForWriting.write(Data(input.utf8))
      try? stdin.fileHandleForWriting.close()
    }
    let group = DispatchGroup()
    let buffers = [Buffer(), Buffer()]
    for (pipe, buffer) in zip([output, errors], buffers) {
      let handle = pipe.fileHandleForReading
      DispatchQueue.global().async(group: group) {
        let data = handle.readDataToEndOfFile()
        buffer.bytes.withLock { $0 = data }
      }
    }
    let identifier = process.processIdentifier
    let timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + timeoutSeconds)
    timer.setEventHandler { kill(identifier, SIGKILL) }
    timer.resume()
    process.waitUntilExit()
    timer.cancel()
    // A grandchild may hold the pipes open: what was printed until now is what counts.
    _ = group.wait(timeout: .now() + 5)
    let texts = buffers.map { buffer in
      String(decoding: buffer.bytes.withLock { $0 }, as: UTF8.self)
    }
    return CommandResult(
      command: command, status: process.terminationStatus, output: texts[0], errors: texts[1])
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
