import JSONDocument
import KubernetesAPI
import NIOConcurrencyHelpers
import Testing

@testable import KubernetesClient

@Suite struct HTTPSClientTests {
  let certificates: TestCertificates

  init() throws { certificates = try TestCertificates() }

  @Test func requestsCarryIdentityAndCauseOverOneConnection() async throws {
    let server = try await TestServer(certificates) { _ in
      .whole(200, #"{"kind":"Pod","metadata":{"name":"a"}}"#)
    }
    let client = try server.client(certificates)
    let pod = try await client.get(.pods, namespace: "default", name: "a b")
    #expect(pod.at("metadata", "name") == "a")
    _ = try await WriteContext.$cause.withValue(42) {
      try await client.patch(
        .deployments, namespace: "x", name: "d", patch: ["spec": ["replicas": 2]], type: .merge,
        subresource: "scale")
    }
    let requests = server.requests.withLockedValue { $0 }
    #expect(requests.map(\.connection) == [1, 1])
    #expect(requests[0].uri == "/api/v1/namespaces/default/pods/a%20b")
    #expect(requests[0].headers.first(name: "User-Agent") == "tester/1")
    #expect(requests[0].headers.first(name: "Authorization") == "Bearer secret")
    #expect(requests[0].headers.first(name: "Taffrail-Cause") == nil)
    #expect(requests[1].method == "PATCH")
    #expect(requests[1].uri == "/apis/apps/v1/namespaces/x/deployments/d/scale")
    #expect(requests[1].headers.first(name: "Taffrail-Cause") == "42")
    #expect(requests[1].headers.first(name: "Content-Type") == "application/merge-patch+json")
    #expect(requests[1].body == #"{"spec":{"replicas":2}}"#)
    try await server.kill()
  }

  @Test func failuresAreStatuses() async throws {
    let gone = APIStatus.notFound(.pods, name: "a")
    let server = try await TestServer(certificates) { request in
      request.uri.hasSuffix("/a") ? .whole(404, gone.object.text) : .whole(502, "no backend")
    }
    let client = try server.client(certificates)
    await #expect(throws: gone) {
      _ = try await client.get(.pods, namespace: "default", name: "a")
    }
    await #expect(throws: APIStatus(code: 502, reason: "Unknown", message: "no backend")) {
      try await client.delete(.pods, namespace: "default", name: "b", options: DeleteOptions())
    }
    try await server.kill()
  }

  @Test func readsSurviveALostConnectionAndWritesAreNotRepeated() async throws {
    let calls = NIOLockedValueBox<[String: Int]>([:])
    let server = try await TestServer(certificates) { request in
      let count = calls.withLockedValue { calls in
        calls[request.method, default: 0] += 1
        return calls[request.method] ?? 0
      }
      return count == 1 ? .hangUp : .whole(200, "{}")
    }
    let client = try server.client(certificates)
    _ = try await client.get(.pods, namespace: "default", name: "a")
    let error = await #expect(throws: APIStatus.self) {
      _ = try await client.create(.pods, namespace: "default", object: [:])
    }
    #expect(error?.code == 503)
    #expect(calls.withLockedValue { $0 } == ["GET": 2, "POST": 1])
    try await server.kill()
  }

  @Test func writesWaitForAServerThatComesBack() async throws {
    let server = try await TestServer(certificates) { _ in .whole(200, "{}") }
    let client = try server.client(
      certificates, options: .init(retryBudgetMilliseconds: 60_000))
    _ = try await client.create(.pods, namespace: "default", object: [:])
    try await server.kill()
    async let written = client.create(.pods, namespace: "default", object: ["metadata": [:]])
    let second = try await TestServer(certificates, port: server.port) { _ in
      .whole(201, #"{"kind":"Pod"}"#)
    }
    #expect(try await written["kind"] == "Pod")
    #expect(second.requests.withLockedValue { $0.count } == 1)
    try await second.kill()
  }

  @Test func aServerOfAnotherAuthorityIsRefused() async throws {
    let server = try await TestServer(certificates) { _ in .whole(200, "{}") }
    let client = try server.client(
      try TestCertificates(), options: .init(retryBudgetMilliseconds: 1))
    let error = await #expect(throws: APIStatus.self) {
      _ = try await client.get(.pods, namespace: "default", name: "a")
    }
    #expect(error?.code == 503)
    #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
    #expect(server.requests.withLockedValue { $0.isEmpty })
    try await server.kill()
  }

  @Test func watchEventsComeInOrderHoweverTheyAreCut() async throws {
    let server = try await TestServer(certificates) { _ in
      .pieces(
        [
          #"{"type":"ADDED","object":{"metadata":{"na"#, #"me":"a"}}}"# + "\n" + #"{"type":"MOD"#,
          #"IFIED","object":{"metadata":{"name":"b"}}}"# + "\n",
          #"{"type":"BOOKMARK","object":{"metadata":{"name":"c"}}}"# + "\n",
          APIStatus(code: 410, reason: "Expired", message: "too old").object.text.asErrorEvent,
        ], ends: true)
    }
    let client = try server.client(certificates)
    let seen = NIOLockedValueBox<[String]>([])
    await #expect(throws: APIStatus(code: 410, reason: "Expired", message: "too old")) {
      try await client.watch(
        .pods, namespace: nil, after: "7", options: ListOptions(labelSelector: "a in (b,c)")
      ) { events in
        seen.withLockedValue {
          $0 += events.map { "\($0.kind) \($0.object.at("metadata", "name")?.stringValue ?? "")" }
        }
      }
    }
    #expect(seen.withLockedValue { $0 } == ["added a", "modified b", "bookmark c"])
    let uri = server.requests.withLockedValue { $0[0].uri }
    #expect(
      uri.hasPrefix("/api/v1/pods?labelSelector=a%20in%20%28b%2Cc%29&watch=true&"))
    #expect(uri.contains("resourceVersion=7"))
    try await server.kill()
  }

  @Test func cancellingAWatchClosesItsConnection() async throws {
    let server = try await TestServer(certificates) { _ in
      .pieces([#"{"type":"ADDED","object":{}}"# + "\n"], ends: false)
    }
    let client = try server.client(certificates)
    let (started, starting) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
      try await client.watch(.pods, namespace: nil, after: "0", options: ListOptions()) { _ in
        starting.yield()
      }
    }
    for await _ in started { break }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    for await number in server.closed {
      #expect(number == 1)
      break
    }
    try await server.kill()
  }

  @Test func manyRequestsShareFewConnections() async throws {
    let server = try await TestServer(certificates) { request in
      .whole(200, #"{"uri":"\#(request.uri)"}"#)
    }
    let client = try server.client(certificates, options: .init(maximumConnections: 3))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<100 {
        group.addTask {
          let object = try await client.get(.pods, namespace: "n", name: "p\(number)")
          #expect(object["uri"]?.stringValue == "/api/v1/namespaces/n/pods/p\(number)")
        }
      }
      try await group.waitForAll()
    }
    let connections = Set(server.requests.withLockedValue { $0.map(\.connection) })
    #expect(connections.count <= 3)
    try await server.kill()
  }
}

extension String {
  fileprivate var asErrorEvent: String { #"{"type":"ERROR","object":\#(self)}"# + "\n" }
}
