import ChildProcesses
import Foundation
import Synchronization
import Testing

/// How a process ended.
struct ProcessEnd: Sendable, CustomStringConvertible {
  var exit: ChildProcess.Exit
  var output: String

  var status: Int32 { exit.status }
  var description: String { "\(exit), having printed:\n\(output)" }

  /// Records a failure unless it ended with `status` by itself and printed all of `texts`.
  func expect(
    _ texts: String..., status: Int32 = 1, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(exit == .exited(status), "\(self)", sourceLocation: sourceLocation)
    for text in texts {
      #expect(
        output.contains(text), "no “\(text)” from what \(self)", sourceLocation: sourceLocation)
    }
  }
}

/// `taffrail` as a process of its own: what it prints and how it ends can be awaited.
final class ServerProcess: Sendable {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// Only ends tests that fail: far more than a slow machine needs.
  static let patienceSeconds = 120.0

  private struct Waiting {
    var isMet: @Sendable (State) -> Bool
    var continuation: CheckedContinuation<Void, Never>
  }

  private struct State {
    var output = ""
    var end: ProcessEnd?
    var waiting: [Int: Waiting] = [:]
    var nextKey = 0
  }

  let pid: Int32
  private let state = Mutex(State())

  /// - Parameter launcher: a command that becomes the program, such as `nsenter …`.
  convenience init(
    _ arguments: [String], environment: [String: String] = [:], launcher: [String] = []
  ) throws {
    try self.init(
      command: launcher + [try TaffrailBinary.path()] + arguments, environment: environment)
  }

  init(command words: [String], environment: [String: String] = [:]) throws {
    let pipe = Pipe()
    let process = try ChildProcess.start(
      words,
      .init(
        output: .descriptor(pipe.fileHandleForWriting.fileDescriptor), environment: environment))
    try pipe.fileHandleForWriting.close()
    pid = process.pid
    ProcessWatchdog.shared.started(pid)
    // A thread that reads to the end of the output, and then waits for the end of the process, so
    // that the end is reported with all that was printed.
    let handle = pipe.fileHandleForReading
    Thread.detachNewThread { [self] in
      // Returns what there is, empty at the end.
      while case let data = handle.availableData, !data.isEmpty {
        change { $0.output += String(decoding: data, as: UTF8.self) }
      }
      let exit = process.wait()
      ProcessWatchdog.shared.ended(pid)
      change { $0.end = ProcessEnd(exit: exit, output: $0.output) }
    }
  }

  deinit { if isRunning { kill(pid, SIGKILL) } }

  var output: String { state.withLock { $0.output } }
  var isRunning: Bool { state.withLock { $0.end == nil } }

  func signal(_ number: Int32) { if isRunning { kill(pid, number) } }

  /// Waits until the output contains `text`.
  func printed(_ text: String) async throws {
    await wait { $0.output.contains(text) || $0.end != nil }
    let output = self.output
    guard output.contains(text) else {
      throw Failure(description: "“\(text)” was not printed, but:\n\(output)")
    }
  }

  /// Waits until the process has ended by itself or by a signal.
  func ended() async throws -> ProcessEnd {
    await wait { $0.end != nil }
    if let end = state.withLock({ $0.end }) { return end }
    kill(pid, SIGKILL)
    throw Failure(description: "process \(pid) did not end in time; it printed:\n\(output)")
  }

  /// Asks it to stop, and waits for it.
  @discardableResult
  func stop(_ number: Int32 = SIGTERM) async throws -> ProcessEnd {
    signal(number)
    return try await ended()
  }

  private func change(_ body: (inout State) -> Void) {
    let met = state.withLock { state in
      body(&state)
      let met = state.waiting.filter { $0.value.isMet(state) }
      for key in met.keys { state.waiting[key] = nil }
      return met.values.map(\.continuation)
    }
    for continuation in met { continuation.resume() }
  }

  /// Returns when the condition holds, or when patience is at its end.
  private func wait(until isMet: @escaping @Sendable (State) -> Bool) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      let key = state.withLock { state -> Int? in
        guard !isMet(state) else { return nil }
        state.nextKey += 1
        state.waiting[state.nextKey] = Waiting(isMet: isMet, continuation: continuation)
        return state.nextKey
      }
      guard let key else { return continuation.resume() }
      DispatchQueue.global().asyncAfter(deadline: .now() + Self.patienceSeconds) { [self] in
        state.withLock { $0.waiting.removeValue(forKey: key) }?.continuation.resume()
      }
    }
  }
}
