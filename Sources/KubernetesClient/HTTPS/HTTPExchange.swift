import NIOCore
import NIOHTTP1

/// One request, and where its answer goes.
struct HTTPExchange: Sendable {
  var head: HTTPRequestHead
  var body: [UInt8]?
  /// Called on the connection's event loop with each piece of a successful answer's body, and
  /// with nil after the last piece of one read. An error thrown ends the exchange with it. Nil:
  /// the body is collected into the answer.
  var receive: (@Sendable (ByteBuffer?) throws -> Void)?
  /// For the whole exchange.
  var timeout: TimeAmount
  var promise: EventLoopPromise<HTTPAnswer>
}

/// What a server answered.
public struct HTTPAnswer: Sendable {
  public var status: Int
  public var headers: [(name: String, value: String)]
  /// Empty for a streamed answer.
  public var body: [UInt8]
  /// Whether the connection can take another request.
  var keepsAlive: Bool

  /// The first header of that name, in any case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// Why there is no answer.
enum HTTPFailure: Error, Sendable, CustomStringConvertible {
  /// The request never left: trying again is safe for every verb.
  case neverSent(String)
  /// The connection went away after the request was sent: whether it took effect is unknown.
  case lost(String)
  case timedOut(seconds: Int64)
  case tooLarge(limitBytes: Int)

  var description: String {
    switch self {
    case .neverSent(let why): "cannot reach the server: \(why)"
    case .lost(let why): "the connection was lost before the answer: \(why)"
    case .timedOut(let seconds): "no answer within \(seconds) s"
    case .tooLarge(let limit): "the answer exceeds \(limit) bytes"
    }
  }
}
