import JSONDocument
import KubernetesAPI
import NIOCore
import NIOHTTP1

/// One request as it came over HTTP/1.1 or HTTP/2, its body read whole.
struct APIRequest: Sendable {
  var method: HTTPMethod
  /// Percent-encoded, without the query.
  var rawPath: String
  var query: QueryParameters
  var headers: HTTPHeaders
  var body: ByteBuffer
  var peer: PeerIdentity
  /// What path and method ask for.
  var info = RequestInfo()

  init(head: HTTPRequestHead, body: ByteBuffer, peer: PeerIdentity) {
    method = head.method
    let uri = head.uri
    let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) ?? uri.endIndex
    var path = String(uri[..<mark])
    if !path.hasPrefix("/") { path = "/" + path }
    rawPath = path
    query = QueryParameters(parsing: uri.utf8[mark...].dropFirst())
    headers = head.headers
    self.body = body
    self.peer = peer
    info = RequestInfo(self)
  }

  var userAgent: String { headers.first(name: "user-agent") ?? "" }
}

/// The parameters of a query string, in their order.
struct QueryParameters: Sendable {
  private(set) var pairs: [(name: String, value: String)] = []

  init(parsing text: Substring.UTF8View) {
    for part in text.split(separator: UInt8(ascii: "&")) {
      let sides = part.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = sides.first else { continue }
      pairs.append(
        (
          percentDecoded(name, plusIsSpace: true),
          sides.count > 1 ? percentDecoded(sides[1], plusIsSpace: true) : ""
        ))
    }
  }

  subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

  func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

  /// As upstream reads booleans: present and neither `false` nor `0`.
  func isTrue(_ name: String) -> Bool {
    guard let value = self[name] else { return false }
    return value != "false" && value != "0"
  }
}

/// Decodes %XX; bytes that are no valid escape stay as they are.
func percentDecoded(_ bytes: some Collection<UInt8>, plusIsSpace: Bool = false) -> String {
  func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
  let input = Array(bytes)
  var output: [UInt8] = []
  output.reserveCapacity(input.count)
  var position = 0
  while position < input.count {
    let byte = input[position]
    if byte == UInt8(ascii: "%"), position + 2 < input.count,
      let high = digit(input[position + 1]), let low = digit(input[position + 2])
    {
      output.append(high << 4 | low)
      position += 3
      continue
    }
    output.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
    position += 1
  }
  return String(decoding: output, as: UTF8.self)
}

/// Who is at the other end of the connection, by its TLS certificate.
final class PeerIdentity: Sendable {
  enum Kind: Sendable {
    /// No certificate was sent.
    case none
    /// A certificate that the client CA vouches for.
    case verified(UserInfo)
    /// A certificate that nobody vouches for, and why.
    case rejected(String)
  }

  let kind: Kind
  init(_ kind: Kind) { self.kind = kind }

  static let none = PeerIdentity(.none)
}

/// A long body: `next` makes its next piece, on the connection's event loop; `nil` at the end.
struct ResponsePieces: Sendable {
  var next: @Sendable () -> ByteBuffer?
}

/// The answer to a request.
struct APIResponse: Sendable {
  enum Body: Sendable {
    case bytes([UInt8])
    /// Made piece by piece while the client takes it, so that a long answer to a slow client
    /// occupies no more than a piece.
    case pieces(ResponsePieces)
    /// Written piece by piece after the head; the closure gets the open stream and returns at
    /// once or when the stream is done, and sees to `finish()` itself.
    case stream(@Sendable (ResponseStream) async -> Void)
  }

  var status: HTTPResponseStatus
  var headers: HTTPHeaders
  var body: Body

  init(
    status: HTTPResponseStatus = .ok, contentType: String = "application/json", bytes: [UInt8]
  ) {
    self.status = status
    headers = ["Content-Type": contentType]
    body = .bytes(bytes)
  }

  init(json value: JSONValue, status: HTTPResponseStatus = .ok) {
    self.init(status: status, bytes: value.serialized())
  }

  init(text: String, status: HTTPResponseStatus = .ok) {
    self.init(
      status: status, contentType: "text/plain; charset=utf-8", bytes: Array(text.utf8))
    headers.add(name: "X-Content-Type-Options", value: "nosniff")
  }

  init(_ failure: APIStatus) {
    self.init(json: failure.object, status: HTTPResponseStatus(statusCode: failure.code))
    if failure.retryAfterSeconds > 0 {
      headers.add(name: "Retry-After", value: String(failure.retryAfterSeconds))
    }
    if failure.code == 401 {
      headers.add(name: "WWW-Authenticate", value: "Bearer")
    }
  }

  init(
    contentType: String, stream: @escaping @Sendable (ResponseStream) async -> Void
  ) {
    status = .ok
    headers = ["Content-Type": contentType]
    body = .stream(stream)
  }
}
