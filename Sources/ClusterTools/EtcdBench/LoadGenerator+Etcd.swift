import NIOCore

extension LoadGenerator.Connections {
  /// One request; the bytes of its answer.
  func oneBytes(_ request: LoadRequest) async throws -> [UInt8] {
    try await loop.flatSubmit {
      let done = loop.makePromise(of: [UInt8].self)
      bound[0].value.send(request, keptBytes: 4_096) { answer in
        done.succeed(Array(answer.beginning.readableBytesView))
      }
      return done.futureResult
    }.get()
  }

  /// Begins watches, spread over the connections; returns once all of them stand.
  func watchEtcd(_ request: LoadRequest, watchers: Int) async throws -> EtcdWatches {
    let watches = EtcdWatches(loop: loop, watchers: watchers)
    return try await loop.flatSubmit { () -> EventLoopFuture<EtcdWatches> in
      for number in 0..<watchers {
        bound[number % bound.count].value.send(request) {
          watches.take($0, from: number)
        } onEnd: { _ in
          watches.fail("a watch of etcd ended early")
        }
      }
      return watches.created.futureResult.map { watches }
    }.get()
  }
}

/// Counts what watches of etcd deliver.
///
/// `@unchecked Sendable`: the variables are used on `loop` only.
final class EtcdWatches: @unchecked Sendable {
  let created: EventLoopPromise<Void>
  private let loop: any EventLoop
  private var counters: [EtcdEventCounter]
  private var standing = 0
  private var events = 0
  private var wanted = Int.max
  private var failure: String?
  private var seen: EventLoopPromise<Void>?

  init(loop: any EventLoop, watchers: Int) {
    self.loop = loop
    created = loop.makePromise()
    counters = Array(repeating: EtcdEventCounter(), count: watchers)
  }

  func take(_ part: ByteBuffer, from watcher: Int) {
    loop.preconditionInEventLoop()
    let (before, stood) = (counters[watcher].events, counters[watcher].isCreated)
    counters[watcher].take(part)
    events += counters[watcher].events - before
    if counters[watcher].isBroken { fail("a watch of etcd was canceled") }
    if !stood, counters[watcher].isCreated {
      standing += 1
      if standing == counters.count { created.succeed() }
    }
    if events >= wanted { seen?.succeed() }
  }

  func fail(_ reason: String) {
    loop.preconditionInEventLoop()
    failure = reason
    created.fail(LoadGenerator.Failure(description: reason))
    seen?.fail(LoadGenerator.Failure(description: reason))
  }

  /// Waits until so many events were delivered, by all watches together.
  func seen(_ count: Int) async throws {
    try await loop.flatSubmit { [self] in
      let promise = loop.makePromise(of: Void.self)
      seen = promise
      wanted = count
      if let failure { fail(failure) } else if events >= count { promise.succeed() }
      return promise.futureResult
    }.get()
  }
}
