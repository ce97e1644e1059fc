import JSONDocument
import KubernetesAPI
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// The API over HTTP/1.1 and TLS.
///
/// Requests share kept-alive connections; each watch and stream has one of its own. Reads are
/// repeated after any loss of the connection, writes only when they provably were not sent, or
/// when the server said that it did not take them (429). So a server that dies costs a
/// reconnection; a write in flight at that moment throws with code 503, and its caller decides.
public final class HTTPSClient: Sendable {
  public struct Options: Sendable {
    public var userAgent: String
    /// Requests at once; more wait.
    public var maximumConnections: Int
    public var requestTimeoutSeconds: Int64
    /// How long a request is tried again before its failure is thrown.
    public var retryBudgetMilliseconds: Int64
    /// The server ends a watch after this; the informer resumes.
    public var watchTimeoutSeconds: Int64

    public init(
      userAgent: String = "taffrail", maximumConnections: Int = 32,
      requestTimeoutSeconds: Int64 = 30, retryBudgetMilliseconds: Int64 = 5_000,
      watchTimeoutSeconds: Int64 = 420
    ) {
      self.userAgent = userAgent
      self.maximumConnections = maximumConnections
      self.requestTimeoutSeconds = requestTimeoutSeconds
      self.retryBudgetMilliseconds = retryBudgetMilliseconds
      self.watchTimeoutSeconds = watchTimeoutSeconds
    }
  }

  public let configuration: KubeConfiguration
  public let options: Options
  let pool: HTTPConnectionPool
  let connector: HTTPConnector

  /// Throws `KubeConfigurationError` for certificates that cannot be used. Does not connect yet.
  public init(
    configuration: KubeConfiguration, options: Options = Options(),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) throws {
    self.configuration = configuration
    self.options = options
    connector = try HTTPConnector(configuration: configuration, group: group)
    pool = HTTPConnectionPool(
      connector: connector, maximumConnections: max(1, options.maximumConnections))
  }

  /// Closes idle connections and refuses further requests; running ones end by themselves.
  public func shutDown() { pool.shutDown() }

  func head(_ method: HTTPMethod, _ path: String, contentType: String?, bodyBytes: Int?)
    -> HTTPRequestHead
  {
    var headers = HTTPHeaders()
    let host = configuration.host
    headers.add(
      name: "Host",
      value: host.contains(":")
        ? "[\(host)]:\(configuration.port)" : "\(host):\(configuration.port)")
    headers.add(name: "User-Agent", value: options.userAgent)
    headers.add(name: "Accept", value: "application/json")
    if let token = configuration.token {
      headers.add(name: "Authorization", value: "Bearer \(token)")
    }
    let cause = WriteContext.cause
    if cause != 0 { headers.add(name: "Taffrail-Cause", value: String(cause)) }
    if let contentType { headers.add(name: "Content-Type", value: contentType) }
    if let bodyBytes { headers.add(name: "Content-Length", value: String(bodyBytes)) }
    return HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
  }
}
