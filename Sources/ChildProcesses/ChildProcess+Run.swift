import Glibc

extension ChildProcess {
  /// What a process printed, and how it ended.
  public struct Result: Sendable {
    public var exit: Exit
    public var output: [UInt8]
    public var errors: [UInt8]

    public var outputText: String { String(decoding: output, as: UTF8.self) }
    public var errorText: String { String(decoding: errors, as: UTF8.self) }
  }

  /// After the process has ended another may still hold its pipes: what was printed until then is
  /// what counts.
  private static let drainMilliseconds: Int64 = 5_000

  /// Starts a program, feeds it, and collects what it prints until it has ended. Blocks the thread.
  ///
  /// - Parameters:
  ///   - options: its streams are not looked at.
  ///   - joinsErrors: whether both outputs are collected as one, in the order of writing.
  ///   - timeoutMilliseconds: after which it is killed.
  /// - Throws: `StartError`, also where no pipe can be made.
  public static func run(
    _ command: [String], input: [UInt8] = [], joinsErrors: Bool = false,
    timeoutMilliseconds: Int64? = nil, _ options: Options = Options()
  ) throws(StartError) -> Result {
    let feed = try Pipe()
    let output = try Pipe()
    let errors = joinsErrors ? nil : try Pipe()
    var options = options
    options.input = input.isEmpty ? .none : .descriptor(feed.readingEnd)
    options.output = .descriptor(output.writingEnd)
    options.errors = errors.map { .descriptor($0.writingEnd) }
    let process = try start(command, options)
    feed.closeReadingEnd()
    output.closeWritingEnd()
    errors?.closeWritingEnd()
    if input.isEmpty { feed.closeWritingEnd() }

    // All are served by one loop: a program that fills one pipe while we wait for another would
    // hang.
    var remaining = input[...]
    let begin = now()
    var end: (exit: Exit, time: Int64)?
    while true {
      if end == nil, !process.isRunning { end = (process.wait(), now()) }
      if end == nil, let limit = timeoutMilliseconds, now() - begin >= limit {
        process.killAndWait()
        continue
      }
      if output.isRead, errors?.isRead ?? true {
        // Nothing more can come, but it may still run.
        if end == nil, let limit = timeoutMilliseconds {
          _ = process.wait(timeoutMilliseconds: Int32(clamping: limit - (now() - begin)))
          continue
        }
        break
      }
      if let end, now() - end.time > drainMilliseconds { break }
      Pipe.wait(
        reading: [output, errors].compactMap(\.self), writing: remaining.isEmpty ? nil : feed,
        timeoutMilliseconds: end == nil ? 100 : 20)
      output.drain()
      errors?.drain()
      if !remaining.isEmpty {
        remaining = feed.feed(remaining)
        if remaining.isEmpty { feed.closeWritingEnd() }
      }
    }
    return Result(
      exit: end?.exit ?? process.wait(), output: output.bytes, errors: errors?.bytes ?? [])
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
  }
}
