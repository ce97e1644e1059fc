import JSONDocument
import KubernetesAPI
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

extension HTTPSClient {
  /// Calls `receive` on the connection's event loop, once per read from the socket.
  public func watch(
    _ resource: GroupVersionResource, namespace: String?, after resourceVersion: String,
    options: ListOptions, receive: @escaping @Sendable ([WatchEvent]) -> Void
  ) async throws {
    let seconds = self.options.watchTimeoutSeconds
    var query = Self.selectors(options)
    query.append(("watch", "true"))
    query.append(("allowWatchBookmarks", "true"))
    query.append(("resourceVersion", resourceVersion))
    query.append(("timeoutSeconds", String(seconds)))
    let path = ResourcePath.path(of: resource, namespace: namespace, query: query)
    struct Reading {
      var decoder = WatchDecoder()
      var events: [WatchEvent] = []
    }
    let reading = NIOLockedValueBox(Reading())
    // The server ends the watch; the rest is for one that does not.
    try await streamed(path: path, timeoutSeconds: seconds + 30) { buffer in
      guard let buffer else {
        let events = reading.withLockedValue { reading in
          defer { reading.events = [] }
          return reading.events
        }
        if !events.isEmpty { receive(events) }
        return
      }
      do {
        try reading.withLockedValue { reading in
          reading.events += try reading.decoder.decode(buffer.readableBytesView)
        }
      } catch {
        // What came before the failure is handed over first, in order.
        let events = reading.withLockedValue { $0.events }
        if !events.isEmpty { receive(events) }
        throw error
      }
    }
  }

  /// Follows a streamed answer, e.g. a log: `receive` gets the pieces in order, on an event loop,
  /// and must not block. Returns when the server ends it, throws `APIStatus` for a failure; ends
  /// when the task is cancelled.
  public func stream(
    path: String, timeoutSeconds: Int64 = 86_400,
    receive: @escaping @Sendable ([UInt8]) -> Void
  ) async throws {
    try await streamed(path: path, timeoutSeconds: timeoutSeconds) { buffer in
      if let buffer { receive(Array(buffer.readableBytesView)) }
    }
  }

  private func streamed(
    path: String, timeoutSeconds: Int64,
    receive: @escaping @Sendable (ByteBuffer?) throws -> Void
  ) async throws {
    do {
      let connection = try await connector.connect()
      defer { connection.close() }
      let answer = try await connection.perform(
        head: head(.GET, path, contentType: nil, bodyBytes: nil), body: nil,
        timeout: .seconds(timeoutSeconds), receive: receive)
      guard (200..<300).contains(answer.status) else {
        throw Self.status(of: answer, parsed: try? JSONValue(parsing: answer.body))
      }
    } catch let failure as HTTPFailure {
      try Task.checkCancellation()
      throw Self.unavailable(failure)
    }
  }
}
