import NIOConcurrencyHelpers
import NIOCore

/// Keeps connections alive between requests, and bounds how many requests run at once.
///
/// Requests beyond the bound wait in order; beyond `maximumWaiting` they are refused.
final class HTTPConnectionPool: Sendable {
  private struct Waiter {
    var id: UInt64
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    /// The most recently used last: that one is the least likely to have been closed.
    var idle: [HTTPConnection] = []
    var leased = 0
    var waiters: [Waiter] = []
    var nextWaiter: UInt64 = 0
    var isShutDown = false
  }

  static let maximumWaiting = 16_384

  private let state = NIOLockedValueBox(State())
  private let connector: HTTPConnector
  private let maximumConnections: Int

  init(connector: HTTPConnector, maximumConnections: Int) {
    self.connector = connector
    self.maximumConnections = maximumConnections
  }

  /// Runs `body` with a connection, alone. The connection is kept when `body` says that it can be.
  func withConnection<Result: Sendable>(
    _ body: (HTTPConnection) async throws -> (Result, reusable: Bool)
  ) async throws -> Result {
    try await takeSlot()
    defer { returnSlot() }
    let connection: HTTPConnection
    if let idle = takeIdle() {
      connection = idle
    } else {
      connection = try await connector.connect()
    }
    do {
      let (result, reusable) = try await body(connection)
      keep(connection, reusable: reusable)
      return result
    } catch {
      connection.close()
      throw error
    }
  }

  private func takeIdle() -> HTTPConnection? {
    state.withLockedValue { state in
      while let connection = state.idle.popLast() {
        if connection.isActive { return connection }
      }
      return nil
    }
  }

  private func keep(_ connection: HTTPConnection, reusable: Bool) {
    let kept = state.withLockedValue { state in
      guard reusable, !state.isShutDown, connection.isActive,
        state.idle.count < maximumConnections
      else { return false }
      state.idle.append(connection)
      return true
    }
    if !kept { connection.close() }
  }

  private func takeSlot() async throws {
    let id: UInt64? = try state.withLockedValue { state in
      guard !state.isShutDown else { throw HTTPFailure.neverSent("the client was shut down") }
      if state.leased < maximumConnections {
        state.leased += 1
        return nil
      }
      guard state.waiters.count < Self.maximumWaiting else {
        throw HTTPFailure.neverSent("\(Self.maximumWaiting) requests are waiting already")
      }
      state.nextWaiter += 1
      return state.nextWaiter
    }
    guard let id else { return }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        enum Outcome { case waits, goes, cancelled }
        let outcome: Outcome = state.withLockedValue { state in
          if Task.isCancelled { return .cancelled }
          if state.leased < maximumConnections {
            state.leased += 1
            return .goes
          }
          state.waiters.append(Waiter(id: id, continuation: continuation))
          return .waits
        }
        switch outcome {
        case .waits: break
        case .goes: continuation.resume()
        case .cancelled: continuation.resume(throwing: CancellationError())
        }
      }
    } onCancel: {
      let waiter: Waiter? = state.withLockedValue { state in
        guard let position = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return state.waiters.remove(at: position)
      }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  private func returnSlot() {
    let next: Waiter? = state.withLockedValue { state in
      // A waiter takes the slot over, so that nobody overtakes it.
      if !state.waiters.isEmpty { return state.waiters.removeFirst() }
      state.leased -= 1
      return nil
    }
    next?.continuation.resume()
  }

  /// Closes idle connections; running requests end by themselves.
  func shutDown() {
    let (idle, waiters) = state.withLockedValue { state in
      defer {
        state.idle = []
        state.waiters = []
        state.isShutDown = true
      }
      return (state.idle, state.waiters)
    }
    for connection in idle { connection.close() }
    for waiter in waiters {
      waiter.continuation.resume(throwing: HTTPFailure.neverSent("the client was shut down"))
    }
  }
}
