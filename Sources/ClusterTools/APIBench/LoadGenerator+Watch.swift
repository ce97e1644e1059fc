import Foundation
import NIOCore

/// What watchers saw while writers wrote.
struct WatchResult: Sendable {
  var events: Int
  var bytes: Int
  var writes: Int
  /// From sending a write to having its event, over all watchers that look.
  var lag: LatencySummary

  var eventsPerSecond: Double { Double(events) / max(lag.elapsedSeconds, 1e-9) }
  var megabytesPerSecond: Double { Double(bytes) / 1e6 / max(lag.elapsedSeconds, 1e-9) }
}

extension LoadGenerator.Connections {
  /// Watches `path` on every connection while `writers` on connections of their own make `writes`
  /// writes. `write` gets a number and the present time in nanoseconds, which stands in the object
  /// behind `marker` as 16 digits; one watcher in eight reads it.
  ///
  /// Returns when every watcher has seen every write.
  func watch(
    _ path: String, writing connections: LoadGenerator.Connections, writers: Int, writes: Int,
    status: Int, marker: String,
    write: @escaping @Sendable (_ number: Int, _ nanoseconds: UInt64) -> LoadRequest
  ) async throws -> WatchResult {
    try await loop.flatSubmit { () -> EventLoopFuture<WatchResult> in
      let run = WatchRun(
        loop: loop, watchers: bound.count, writes: writes, status: status,
        marker: Array(marker.utf8), write: write)
      for (number, connection) in bound.enumerated() {
        run.watch(path, on: connection.value, looks: number % 8 == 0)
      }
      // The watches stand once each was answered; the first write comes afterwards.
      let writing = NIOLoopBound(run, eventLoop: loop)
      run.started.futureResult.whenSuccess {
        for worker in 0..<writers {
          writing.value.next(on: connections.bound[worker % connections.bound.count].value)
        }
      }
      return run.done.futureResult
    }.get()
  }
}

/// Watchers and writers of one run, on one event loop.
private final class WatchRun {
  let started: EventLoopPromise<Void>
  let done: EventLoopPromise<WatchResult>
  private let loop: any EventLoop
  private let watchers: Int
  private let writes: Int
  private let status: Int
  private let marker: [UInt8]
  private let write: (Int, UInt64) -> LoadRequest
  private var begun = 0
  private var answered = 0
  private var begins: UInt64 = 0
  private var events = 0
  private var bytes = 0
  private var open = 0
  private var latencies: [UInt64] = []
  private var isDone = false

  init(
    loop: any EventLoop, watchers: Int, writes: Int, status: Int, marker: [UInt8],
    write: @escaping (Int, UInt64) -> LoadRequest
  ) {
    self.loop = loop
    self.watchers = watchers
    self.writes = writes
    self.status = status
    self.marker = marker
    self.write = write
    started = loop.makePromise()
    done = loop.makePromise()
  }

  func watch(_ path: String, on connection: LoadConnection, looks: Bool) {
    connection.send(.get(path)) { [self] part in
      count(part, looks: looks)
    } onEnd: { [self] _ in
      fail("a watch ended early")
    }
    // A head without a body comes before the first event and is not told; what is sent next on
    // the same connection is answered after it.
    connection.send(.get("/version")) { [self] _ in
      open += 1
      if open == watchers {
        // The watches themselves begin a moment after their heads.
        loop.scheduleTask(in: .milliseconds(500), begin)
      }
    }
  }

  private var begin: @Sendable () -> Void {
    let bound = NIOLoopBound(self, eventLoop: loop)
    return {
      let run = bound.value
      run.begins = NIODeadline.now().uptimeNanoseconds
      run.started.succeed()
    }
  }

  func next(on connection: LoadConnection) {
    guard begun < writes, !isDone else { return }
    let number = begun
    begun += 1
    connection.send(write(number, NIODeadline.now().uptimeNanoseconds), keptBytes: 300) {
      [self] answer in
      guard answer.status == status else {
        return fail(
          "a write was answered with \(answer.status): \(String(buffer: answer.beginning))")
      }
      answered += 1
      next(on: connection)
    }
  }

  private func count(_ part: ByteBuffer, looks: Bool) {
    guard begins > 0 else { return }
    bytes += part.readableBytes
    var found = 0
    part.withUnsafeReadableBytes { raw in
      // Events are long and ends of lines few: the C library looks for them faster than a loop.
      var rest = raw[...]
      while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress,
        let end = memchr(base, 0x0A, rest.count)
      {
        found += 1
        rest = rest.dropFirst(base.distance(to: UnsafeRawPointer(end)) + 1)
      }
    }
    events += found
    if looks { part.withUnsafeReadableBytes { look($0) } }
    if events >= watchers * writes { finish() }
  }

  /// A time that is cut in two by the end of a frame is left out.
  private func look(_ bytes: UnsafeRawBufferPointer) {
    let now = NIODeadline.now().uptimeNanoseconds
    let length = marker.count + 16
    var rest = bytes[...]
    // A generic search would take longer than everything else that is done for an event.
    while rest.count >= length, let first = marker.first,
      let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress,
      let found = memchr(base, Int32(first), rest.count - length + 1)
    {
      rest = rest.dropFirst(base.distance(to: UnsafeRawPointer(found)))
      guard memcmp(found, marker, marker.count) == 0 else {
        rest = rest.dropFirst()
        continue
      }
      let digits = rest.dropFirst(marker.count).prefix(16)
      rest = rest.dropFirst(length)
      guard digits.allSatisfy({ (48...57).contains($0) }) else { continue }
      let sent = digits.reduce(0 as UInt64) { $0 * 10 + UInt64($1 - 48) }
      if sent <= now { latencies.append(now - sent) }
    }
  }

  private func finish() {
    guard !isDone else { return }
    isDone = true
    let elapsed = Double(NIODeadline.now().uptimeNanoseconds - begins) / 1e9
    done.succeed(
      WatchResult(
        events: events, bytes: bytes, writes: answered,
        lag: LatencySummary(nanoseconds: latencies, elapsedSeconds: elapsed)))
  }

  private func fail(_ message: String) {
    guard !isDone else { return }
    isDone = true
    done.fail(LoadGenerator.Failure(description: message))
  }
}
