import Foundation
import Synchronization

/// Shows each step with what it does and how long it took; on a terminal with a spinner.
public struct ProgressReport: Sendable {
  private let isTerminal: Bool

  public init(isTerminal: Bool = isatty(STDOUT_FILENO) == 1) {
    self.isTerminal = isTerminal
  }

  /// Runs `body` under `title`. The line ends with the time, or with `failed`.
  public func step<Value: Sendable>(
    _ title: String, isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Value
  ) async throws -> Value {
    let start = ContinuousClock.now
    if !isTerminal { Self.write("\(title) ... ") }
    let isTerminal = isTerminal
    let spinner = Task.detached {
      let frames = ["|", "/", "-", "\\"]
      var turn = 0
      while isTerminal, !Task.isCancelled {
        Self.write("\r\(frames[turn % frames.count]) \(title) ")
        turn += 1
        try? await Task.sleep(for: .milliseconds(120))
      }
    }
    func end(_ outcome: String, mark: String) async {
      spinner.cancel()
      await spinner.value
      Self.write(isTerminal ? "\r\u{1b}[K\(mark) \(title): \(outcome)\n" : "\(outcome)\n")
    }
    do {
      let value = try await body()
      await end(Self.text(ContinuousClock.now - start), mark: "✓")
      return value
    } catch {
      await end("failed", mark: "✗")
      throw error
    }
  }

  /// A line between steps.
  public func note(_ text: String) {
    Self.write(text + "\n")
  }

  static func text(_ duration: Duration) -> String {
    let milliseconds =
      duration.components.seconds * 1000
      + duration.components.attoseconds / 1_000_000_000_000_000
    if milliseconds < 1000 { return "\(milliseconds) ms" }
    return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
  }

  private static func write(_ text: String) {
    try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
  }
}
