import JSONDocument
import NIOHTTP1
import Testing

@testable import APIServer

/// Clients that ask for too much, or are too slow.
@Suite struct LoadTests {
  private static let path = ObjectTests.path

  @Test func anOverEagerUserWaitsAndIsRefusedWhileAnotherIsServed() async throws {
    let gate = LockedBox<GatedStore?>(nil)
    try await TestServer.run {
      $0.maximumRequestsInFlight = 4
      $0.maximumQueueMilliseconds = 600_000
    } store: { replica in
      let store = GatedStore(replica)
      gate.value = store
      return store
    } body: { server in
      let store = try #require(gate.value)
      // Another user, who may look at ConfigMaps.
      let other = TestClient(
        port: server.port, authority: server.keys.authority,
        certificate: server.keys.kubeletClient.certificate, key: server.keys.kubeletClient.key)
      store.close()
      defer { store.open() }
      // Three are worked on, four wait, and three are too many.
      let (answers, continuation) = AsyncStream<TestResponse>.makeStream()
      for _ in 0..<10 {
        Task {
          if let answer = try? await server.admin.get(Self.path) { continuation.yield(answer) }
        }
      }
      var answer = answers.makeAsyncIterator()
      for _ in 0..<3 {
        let refused = try #require(await answer.next())
        #expect(refused.status == 429)
        #expect(refused.reason == "TooManyRequests")
        #expect(refused.headers.first(name: "retry-after") == "1")
      }
      while store.waiting < 3 { await Task.yield() }
      #expect(store.waiting == 3)
      // Not refused and not made to wait, whatever it may see.
      let served = try await other.get(Self.path + "?resourceVersion=0")
      #expect(served.status == 200 || served.status == 403, "\(served.text)")
      #expect(try await server.nobody.get("/livez").status == 200)
      store.open()
      for _ in 0..<7 { #expect(try #require(await answer.next()).status == 200) }
    }
  }

  @Test func aRequestThatTakesTooLongIsAnsweredAtItsDeadline() async throws {
    let gate = LockedBox<GatedStore?>(nil)
    try await TestServer.run { _ in
    } store: { replica in
      let store = GatedStore(replica)
      gate.value = store
      return store
    } body: { server in
      let store = try #require(gate.value)
      store.close()
      defer { store.open() }
      let late = try await server.admin.get(Self.path + "?timeout=100ms")
      #expect(late.status == 504)
      #expect(late.reason == "Timeout")
      store.open()
      #expect(try await server.admin.get(Self.path + "?timeout=50s").status == 200)
      #expect(try await server.admin.get(Self.path + "?timeout=soon").status == 400)
    }
  }

  @Test func slowClientsAreCutOff() async throws {
    try await TestServer.run {
      $0.limits.headSeconds = 1
      $0.limits.bodySeconds = 1
    } body: { server in
      let admin = server.admin
      // A head that never ends, and a body that never does: both are closed, which ends the wait.
      for beginning in [
        "GET /api HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        "POST \(Self.path) HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
      ] {
        _ = try await admin.exchange(raw: Array(beginning.utf8))
      }
      // On a busy machine a good request may take as long as these bounds, too.
      var isReady = false
      for _ in 0..<20 where !isReady {
        isReady = (try? await admin.get("/readyz").status) == 200
      }
      #expect(isReady)
    }
  }

  @Test func aWatcherThatDoesNotReadIsCutOffAndOthersGoOn() async throws {
    try await TestServer.run {
      $0.limits.maximumPendingStreamBytes = 256 * 1024
    } body: { server in
      let admin = server.admin
      let slow = try await admin.open(.GET, Self.path + "?watch=true")
      _ = try await slow.head()
      slow.pauseReading()
      let good = try await admin.open(.GET, Self.path + "?watch=true")
      _ = try await good.head()
      // More than sockets and bounds hold together.
      let text = String(repeating: "x", count: 500_000)
      let count = 40
      for number in 0..<count {
        var object = ObjectTests.configMap("big-\(number)")
        object["data"] = ["text": .string(text)]
        let created = try await admin.send(.POST, Self.path, object)
        #expect(created.status == 201, "\(created.text.prefix(300))")
        #expect(try await good.event()?.object.name == "big-\(number)")
      }
      slow.resumeReading()
      // What it had not taken is gone with its stream.
      var seen = 0
      while let event = try? await slow.event() {
        #expect(event.type == "ADDED")
        seen += 1
      }
      #expect(seen < count)
      good.close()
    }
  }

  @Test func aLongListGoesOutPieceByPieceToASlowClient() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let text = String(repeating: "x", count: 200_000)
      let count = 30
      for number in 0..<count {
        var object = ObjectTests.configMap("item-\(number)")
        object["data"] = ["text": .string(text)]
        #expect(try await admin.send(.POST, Self.path, object).status == 201)
      }
      let list = try await admin.open(.GET, Self.path)
      _ = try await list.head()
      list.pauseReading()
      // While it does not read, what it gets is still of the state at its beginning.
      #expect(try await admin.send(.DELETE, Self.path + "/item-\(count - 1)").status == 200)
      list.resumeReading()
      var bytes: [UInt8] = []
      while let chunk = try await list.next() { bytes += chunk }
      let value = try JSONValue(parsing: bytes)
      let names = (value["items"]?.arrayValue ?? []).map(\.name)
      #expect(names.filter { $0.hasPrefix("item-") }.count == count)
      #expect(value["items"]?.arrayValue?.allSatisfy { $0["kind"] == nil } == true)
      #expect(value["kind"] == "ConfigMapList")
    }
  }

  @Test func selectorsFindTheSameWithAndWithoutATree() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      for number in 0..<6 {
        var object = ObjectTests.configMap("s-\(number)")
        object.set(.string(number % 2 == 0 ? "even" : "odd"), at: "metadata", "labels", "parity")
        if number > 3 { object.set("yes", at: "metadata", "labels", "big") }
        object.set(.string(String(number)), at: "metadata", "labels", "n")
        _ = try await admin.send(.POST, Self.path, object)
      }
      for (selector, names) in [
        ("parity=even", ["s-0", "s-2", "s-4"]), ("parity=even,big", ["s-4"]),
        ("parity!=even,!big", ["kube-root-ca.crt", "s-1", "s-3"]),
        ("parity+in+(odd,none)", ["s-1", "s-3", "s-5"]), ("n+notin+(1,2),big=yes", ["s-4", "s-5"]),
        ("n%3E3", ["s-4", "s-5"]), ("nothing=x", []),
      ] {
        let answer = try await admin.get(Self.path + "?labelSelector=" + selector)
        let found = (answer.json["items"]?.arrayValue ?? []).map(\.name)
        #expect(
          found.filter { $0 != "kube-root-ca.crt" } == names.filter { $0 != "kube-root-ca.crt" },
          "\(selector): \(answer.text.prefix(300))")
      }
      let named = try await admin.get(
        Self.path + "?labelSelector=big&fieldSelector=metadata.name%3Ds-5")
      #expect((named.json["items"]?.arrayValue ?? []).map(\.name) == ["s-5"])
    }
  }
}
