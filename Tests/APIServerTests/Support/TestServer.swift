import APIServer
import ClusterConfiguration
import EventStore
import Foundation
import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import NIOSSL

/// An API server on a real store in a folder of its own.
final class TestServer: Sendable {
  let api: APIServer
  let replica: Replica
  let keys: StandalonePKI
  let folder: String

  var port: Int { api.boundAddresses.first?.port ?? 0 }

  private init(api: APIServer, replica: Replica, keys: StandalonePKI, folder: String) {
    self.api = api
    self.replica = replica
    self.keys = keys
    self.folder = folder
  }

  static let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
  }()

  /// Runs `body` with a server, and removes everything afterwards.
  static func run(
    anonymousAuth: Bool = false, disabledAdmissionPlugins: Set<String> = ["ServiceAccount"],
    serviceRange: String = "10.96.0.0/16",
    adjust: (inout APIServerConfiguration) -> Void = { _ in },
    store: (Replica) -> any EventStore = { $0 }, body: (TestServer) async throws -> Void
  ) async throws {
    let folder = NSTemporaryDirectory() + "apiserver-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let keys = try StandalonePKI.ensure(directory: folder + "/pki", hosts: ["127.0.0.1"])
    let replica = try await Replica.start(
      configuration: ReplicaConfiguration(
        clusterID: 7, id: 1, dataDirectory: folder + "/store"), logger: quiet)
    do {
      let api = try await start(
        keys: keys, store: store(replica), anonymousAuth: anonymousAuth,
        disabledAdmissionPlugins: disabledAdmissionPlugins, serviceRange: serviceRange,
        adjust: adjust)
      let server = TestServer(api: api, replica: replica, keys: keys, folder: folder)
      do {
        try await body(server)
      } catch {
        await api.shutdown()
        throw error
      }
      await api.shutdown()
    } catch {
      await replica.shutdown()
      throw error
    }
    await replica.shutdown()
  }

  static func start(
    keys: StandalonePKI, store: any EventStore, anonymousAuth: Bool = false,
    disabledAdmissionPlugins: Set<String> = ["ServiceAccount"],
    serviceRange: String = "10.96.0.0/16",
    adjust: (inout APIServerConfiguration) -> Void = { _ in }
  ) async throws -> APIServer {
    var configuration = APIServerConfiguration(
      addresses: [.init(host: "127.0.0.1", port: 0)], certificatePath: keys.api.certificate,
      keyPath: keys.api.key, clientCAPath: keys.authority,
      serviceAccountKeyPath: keys.serviceAccountKey, serviceRange: serviceRange,
      disabledAdmissionPlugins: disabledAdmissionPlugins, allowPrivileged: true,
      anonymousAuth: anonymousAuth)
    adjust(&configuration)
    let api = try await APIServer.start(
      configuration: configuration, store: store, clusterStatus: { ["replicas": []] }, logger: quiet
    )
    while !api.isReady { try await Task.sleep(nanoseconds: 5_000_000) }
    return api
  }

  /// A client that has the administrator's certificate.
  var admin: TestClient {
    TestClient(
      port: port, authority: keys.authority, certificate: keys.admin.certificate,
      key: keys.admin.key)
  }

  /// A client without a certificate.
  var nobody: TestClient { TestClient(port: port, authority: keys.authority) }
}

extension TestClient {
  /// The same client for another server.
  func at(_ server: APIServer) -> TestClient {
    var copy = self
    copy.port = server.boundAddresses.first?.port ?? 0
    return copy
  }
}
