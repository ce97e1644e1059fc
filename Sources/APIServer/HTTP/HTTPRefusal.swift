import KubernetesAPI
import NIOCore
import NIOHTTP1

/// Answers to what never becomes a request: too large, or not HTTP.
enum HTTPRefusal {
  /// The answer's parts. `closes`: says that the connection ends with it.
  static func parts(_ failure: APIStatus, closes: Bool) -> [HTTPServerResponsePart] {
    let bytes = failure.object.serialized()
    var headers: HTTPHeaders = [
      "Content-Type": "application/json", "Content-Length": String(bytes.count),
    ]
    if closes { headers.add(name: "Connection", value: "close") }
    return [
      .head(
        HTTPResponseHead(
          version: .http1_1, status: .init(statusCode: failure.code), headers: headers)),
      .body(.byteBuffer(ByteBuffer(bytes: bytes))), .end(nil),
    ]
  }
}

extension APIStatus {
  static func tooLargeBody(limit: Int) -> APIStatus {
    APIStatus(
      code: 413, reason: "RequestEntityTooLarge",
      message: "Request entity too large: limit is \(limit)")
  }

  static func tooLargeHeaders(limit: Int) -> APIStatus {
    APIStatus(
      code: 431, reason: "RequestHeaderFieldsTooLarge",
      message: "the request's path and headers are too large: limit is \(limit) bytes")
  }

  static let notHTTP = APIStatus(
    code: 400, reason: "BadRequest",
    message: "what was sent is not an HTTP request: send GET, POST, PUT, PATCH or DELETE with a "
      + "path over HTTP/1.1 or HTTP/2, as kubectl does")
}

/// Tells the sender of broken HTTP/1.1 what is wrong, unless an answer is on its way already;
/// NIO's decoder closes the connection afterwards.
final class HTTPProtocolErrorHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let maximumHeaderBytes: Int
  private var isResponding = false

  init(maximumHeaderBytes: Int) { self.maximumHeaderBytes = maximumHeaderBytes }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? HTTPParserError, !isResponding {
      let failure: APIStatus =
        error == .headerOverflow ? .tooLargeHeaders(limit: maximumHeaderBytes) : .notHTTP
      for part in HTTPRefusal.parts(failure, closes: true) {
        context.write(wrapOutboundOut(part), promise: nil)
      }
      context.flush()
    }
    context.fireErrorCaught(error)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head): isResponding = !head.isInformational
    case .body: break
    case .end: isResponding = false
    }
    context.write(data, promise: promise)
  }
}

extension HTTPResponseHead {
  fileprivate var isInformational: Bool { (100..<200).contains(status.code) }
}
