import Foundation
import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Why the API server did not start.
public enum APIServerError: Error, Sendable, CustomStringConvertible {
  case configuration(String)
  /// An address can't be had; `isInUse` where another socket has it.
  case listen(String, isInUse: Bool)

  public var description: String {
    switch self {
    case .configuration(let message), .listen(let message, _): message
    }
  }
}

/// What an API server needs to know; files are read once at start.
public struct APIServerConfiguration: Sendable {
  public struct Address: Sendable, Hashable, CustomStringConvertible {
    public var host: String
    /// 0 picks a free one.
    public var port: Int

    public init(host: String, port: Int) {
      self.host = host
      self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    /// `https://127.0.0.1:6443`
    public var url: String { "https://\(self)" }
  }

  public var addresses: [Address]
  /// The address under which clients inside the cluster reach this server, for the endpoints of
  /// the `kubernetes` Service; empty leaves that Service without this server.
  public var advertiseAddress: String
  /// The port that goes with it; 0 stands for the bound one.
  public var advertisePort: Int
  /// PEM files.
  public var certificatePath: String
  public var keyPath: String
  /// Signs the client certificates that count; empty: none does.
  public var clientCAPath: String
  /// Signs the certificates of this server, for pods to trust.
  public var serviceAccountKeyPath: String
  public var serviceAccountIssuer: String
  public var serviceRange: String
  public var nodePorts: ClosedRange<Int>
  public var kubeletClientCertificatePath: String
  public var kubeletClientKeyPath: String
  public var kubeletCAPath: String
  public var disabledAdmissionPlugins: Set<String>
  public var allowPrivileged: Bool
  public var anonymousAuth: Bool
  /// Reads and writes in flight; watches do not count.
  public var maximumRequestsInFlight: Int
  public var maximumMutatingInFlight: Int
  /// How long a request waits for its turn before it is answered with 429.
  public var maximumQueueMilliseconds: UInt64 = 10_000
  public var limits = HTTPLimits()

  public init(
    addresses: [Address], certificatePath: String, keyPath: String, clientCAPath: String,
    serviceAccountKeyPath: String,
    serviceAccountIssuer: String = "https://kubernetes.default.svc",
    advertiseAddress: String = "", advertisePort: Int = 0, serviceRange: String = "10.96.0.0/16",
    nodePorts: ClosedRange<Int> = 30000...32767, kubeletClientCertificatePath: String = "",
    kubeletClientKeyPath: String = "", kubeletCAPath: String = "",
    disabledAdmissionPlugins: Set<String> = [], allowPrivileged: Bool = true,
    anonymousAuth: Bool = false, maximumRequestsInFlight: Int = 400,
    maximumMutatingInFlight: Int = 200
  ) {
    self.addresses = addresses
    self.advertiseAddress = advertiseAddress
    self.advertisePort = advertisePort
    self.certificatePath = certificatePath
    self.keyPath = keyPath
    self.clientCAPath = clientCAPath
    self.serviceAccountKeyPath = serviceAccountKeyPath
    self.serviceAccountIssuer = serviceAccountIssuer
    self.serviceRange = serviceRange
    self.nodePorts = nodePorts
    self.kubeletClientCertificatePath = kubeletClientCertificatePath
    self.kubeletClientKeyPath = kubeletClientKeyPath
    self.kubeletCAPath = kubeletCAPath
    self.disabledAdmissionPlugins = disabledAdmissionPlugins
    self.allowPrivileged = allowPrivileged
    self.anonymousAuth = anonymousAuth
    self.maximumRequestsInFlight = maximumRequestsInFlight
    self.maximumMutatingInFlight = maximumMutatingInFlight
  }
}

/// The Kubernetes API over HTTPS, on top of a store.
public final class APIServer: Sendable {
  /// The objects, for callers in the same process.
  public let registry: Registry
  /// Where it listens, with the ports that were picked.
  public let boundAddresses: [APIServerConfiguration.Address]

  private let listener: HTTPListener
  private let handler: RequestDispatcher
  private let group: MultiThreadedEventLoopGroup
  /// Ends when the objects that every cluster has are there, or on shutdown.
  private let bootstrapping: Task<Void, Never>
  /// Keeps this server among the endpoints of the `kubernetes` Service.
  private let background: Task<Void, Never>

  /// Starts to listen, and makes sure that the objects which every cluster has are there; the
  /// latter goes on in the background while the store has no leader, and `/readyz` waits for it.
  public static func start(
    configuration: APIServerConfiguration, store: any EventStore,
    clusterStatus: @escaping @Sendable () async -> JSONValue,
    serverMetrics: @escaping @Sendable () async -> [MetricFamily] = { [] },
    clusterChange: ClusterChange? = nil, logger: Logger
  ) async throws -> APIServer {
    guard let range = AddressRange(configuration.serviceRange) else {
      throw APIServerError.configuration(
        "the service range \"\(configuration.serviceRange)\" is no IPv4 CIDR such as "
          + "10.96.0.0/16, with a prefix from 8 to 30")
    }
    FileDescriptors.raiseLimit()
    let tls = try tlsContext(configuration)
    let clientCA =
      configuration.clientCAPath.isEmpty
      ? nil : try read(configuration.clientCAPath, "client certificate authority")
    let verifier: ClientCertificates
    do {
      verifier = try ClientCertificates(authorityPEM: clientCA)
    } catch {
      throw APIServerError.configuration(
        "the client certificate authority \(configuration.clientCAPath) can't be read: \(error)")
    }
    let keyPath = configuration.serviceAccountKeyPath
    _ = try read(keyPath, "service account signing key")
    let tokens = ServiceAccountTokens(
      keys: try TokenKeys { try? String(contentsOfFile: keyPath, encoding: .utf8) },
      issuer: configuration.serviceAccountIssuer)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    do {
      let authorizer = Authorizer(store: store, logger: logger)
      let registry = Registry(
        store: store,
        configuration: RegistryConfiguration(
          serviceRange: range, nodePorts: configuration.nodePorts,
          disabledAdmissionPlugins: configuration.disabledAdmissionPlugins,
          allowPrivileged: configuration.allowPrivileged),
        loops: group, access: authorizer, logger: logger)
      let handler = RequestDispatcher(
        registry: registry,
        authenticator: Authenticator(
          tokens: tokens, store: store, anonymousAuth: configuration.anonymousAuth),
        authorizer: authorizer, tokens: tokens,
        kubelet: try KubeletConnection(configuration, group: group),
        limiter: RequestLimiter(
          reading: .init(places: configuration.maximumRequestsInFlight),
          mutating: .init(places: configuration.maximumMutatingInFlight),
          waitMilliseconds: configuration.maximumQueueMilliseconds),
        clusterStatus: clusterStatus, serverMetrics: serverMetrics,
        clusterChange: clusterChange, logger: logger)
      let listener: HTTPListener
      do {
        listener = try await HTTPListener.start(
          addresses: configuration.addresses.map { ($0.host, $0.port) }, tls: tls,
          verifier: verifier, group: group,
          limits: configuration.limits, responder: { await handler.respond(to: $0) })
      } catch {
        let places = configuration.addresses.map(\.description).joined(separator: ", ")
        let code = (error as? IOError)?.errnoCode
        let reason = code.map { String(cString: strerror($0)) } ?? "\(error)"
        throw APIServerError.listen(
          "can't listen on \(places): \(reason)", isInUse: code == EADDRINUSE)
      }
      let bound = zip(configuration.addresses, listener.boundAddresses).map { asked, bound in
        APIServerConfiguration.Address(host: asked.host, port: bound.port ?? asked.port)
      }
      var advertised = configuration
      if advertised.advertisePort == 0 { advertised.advertisePort = bound.first?.port ?? 0 }
      let bootstrap = Bootstrap(registry: registry, configuration: advertised, logger: logger)
      let bootstrapping = Task {
        if await bootstrap.makeObjects() { handler.markStarted() }
      }
      let definitions = DefinitionController(registry: registry, logger: logger)
      let background = Task {
        await withTaskGroup(of: Void.self) { group in
          group.addTask { await definitions.run() }
          group.addTask {
            await bootstrapping.value
            await bootstrap.keepEndpoints()
          }
        }
      }
      return APIServer(
        registry: registry, boundAddresses: bound, listener: listener, handler: handler,
        group: group, bootstrapping: bootstrapping, background: background)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private init(
    registry: Registry, boundAddresses: [APIServerConfiguration.Address], listener: HTTPListener,
    handler: RequestDispatcher, group: MultiThreadedEventLoopGroup,
    bootstrapping: Task<Void, Never>, background: Task<Void, Never>
  ) {
    self.registry = registry
    self.boundAddresses = boundAddresses
    self.listener = listener
    self.handler = handler
    self.group = group
    self.bootstrapping = bootstrapping
    self.background = background
  }

  /// True once the objects that every cluster has are there.
  public var isReady: Bool { handler.isStarted }

  /// Returns when `isReady` holds, or when the server was told to stop before.
  public func waitUntilReady() async { await bootstrapping.value }

  /// Stops listening, ends the watches and closes the connections.
  public func shutdown() async {
    bootstrapping.cancel()
    background.cancel()
    registry.customResources.stop()
    await background.value
    await listener.stop()
    handler.stop()
    try? await group.shutdownGracefully()
  }

  static func read(_ path: String, _ what: String) throws -> String {
    do {
      return try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw APIServerError.configuration("the \(what) \(path) can't be read: \(error)")
    }
  }

  private static func tlsContext(_ configuration: APIServerConfiguration) throws
    -> NIOSSLContext
  {
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(configuration.certificatePath)
      let key = try NIOSSLPrivateKey(file: configuration.keyPath, format: .pem)
      var tls = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      tls.minimumTLSVersion = .tlsv12
      tls.applicationProtocols = ["h2", "http/1.1"]
      tls.certificateVerification = .optionalVerification
      return try NIOSSLContext(configuration: tls)
    } catch {
      throw APIServerError.configuration(
        "the certificate \(configuration.certificatePath) or its key "
          + "\(configuration.keyPath) can't be read: \(error)")
    }
  }
}
