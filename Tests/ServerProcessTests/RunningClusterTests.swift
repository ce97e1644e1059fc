import Foundation
import Testing

/// What three running servers are sent that they should not be; see the extensions.
@Suite(.sharedCluster) struct RunningClusterTests {}

// Requests that are wrong.
extension RunningClusterTests {
  static let path = "/api/v1/namespaces/default/configmaps"

  @Test func garbageOnTheAPIPortIsAnsweredOrClosed() async throws {
    try await RunningCluster.unharmed { cluster in
      let port = try cluster.home.server(1).apiPort
      let noise = (0..<20_000).map { _ in UInt8.random(in: 0...255) }
      // Before TLS the connection can only be closed.
      for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), noise, [UInt8](repeating: 0, count: 9)] {
        let connection = try await RawConnection(port: port, .none)
        connection.send(bytes)
        let answer = try await connection.untilClosed()
        #expect(!String(decoding: answer, as: UTF8.self).contains("200 OK"))
      }
      let client = try cluster.home.client(1)
      for text in [
        "what is this\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
      ] {
        try await client.exchange(Array(text.utf8)).expectStatus(
          400, "BadRequest", "is not an HTTP request")
      }
    }
  }

  @Test func oversizedHeadersAreRefused() async throws {
    try await RunningCluster.unharmed { cluster in
      let client = try cluster.home.client(2)
      for size in [70_000, 200_000] {
        let answer = try await client.request(
          "GET", Self.path, headers: ["X-Large: " + String(repeating: "a", count: size)])
        answer.expectStatus(
          431, "RequestHeaderFieldsTooLarge", "headers are too large: limit is 65536 bytes")
      }
      let long = try await client.get("/api?" + String(repeating: "a", count: 70_000))
      long.expectStatus(431, "RequestHeaderFieldsTooLarge")
      let fits = try await client.request(
        "GET", Self.path, headers: ["X-Large: " + String(repeating: "a", count: 30_000)])
      #expect(fits.status == 200)
    }
  }

  @Test func halfRequestsKeepNobodyWaiting() async throws {
    try await RunningCluster.unharmed { cluster in
      let home = cluster.home
      var halves: [RawConnection] = []
      for start in [
        "", "GE", "GET /api HTTP/1.1\r\nHost: x\r\n",
        "POST \(Self.path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          + "Content-Length: 1000\r\n\r\n{\"half\":",
      ] {
        for _ in 0..<20 {
          let half = try await RawConnection(
            port: home.server(3).apiPort, .tls(home.credential("admin")))
          half.send(Array(start.utf8))
          halves.append(half)
        }
      }
      // All of them are open while others are served.
      #expect(try await home.client(3).get(Self.path).status == 200)
      for half in halves { half.close() }
    }
  }

  @Test func requestsInOnePieceAreAllAnswered() async throws {
    try await RunningCluster.unharmed { cluster in
      let connection = try await RawConnection(
        port: cluster.home.server(1).apiPort, .tls(cluster.home.credential("admin")))
      let request = "GET /version HTTP/1.1\r\nHost: x\r\n"
      connection.send(
        Array((request + "\r\n" + request + "\r\n" + request + "Connection: close\r\n\r\n").utf8))
      let answers = String(decoding: try await connection.untilClosed(), as: UTF8.self)
      #expect(answers.components(separatedBy: "HTTP/1.1 200 OK").count == 4, "\(answers)")
    }
  }

  @Test func malformedJSONIsRefusedWithWhatIsWrong() async throws {
    try await RunningCluster.unharmed { cluster in
      let client = try cluster.home.client(1)
      for (body, said) in [
        ("{\"a", "unexpected end of JSON input"),
        ("not json", "invalid character 'o' in literal null"),
        ("[1,", "unexpected end of JSON input"),
        ("{\"kind\":}", "invalid character '}' looking for beginning of value"),
        (String(repeating: "[", count: 100_000), "json parse error"),
      ] {
        try await client.post(Self.path, body).expectStatus(
          400, "BadRequest", "json parse error", said)
      }
      let wrong = try await client.request("POST", Self.path, body: [60], contentType: "text/html")
      wrong.expectStatus(415, "UnsupportedMediaType", "application/json")
    }
  }

  @Test func aBodyOverThreeMegabytesIsRefused() async throws {
    try await RunningCluster.unharmed { cluster in
      let client = try cluster.home.client(1)
      let limit = 3 * 1024 * 1024
      let blank = [UInt8](repeating: UInt8(ascii: " "), count: limit)
      let large = try await client.request("POST", Self.path, body: blank + [32])
      large.expectStatus(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
      // Without a length the server notices on the way.
      let size = String(limit + 1, radix: 16)
      let head =
        "POST \(Self.path) HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n\(size)\r\n"
      let chunked = try await client.exchange(Array(head.utf8) + blank + [32])
      chunked.expectStatus(413, "RequestEntityTooLarge", "limit is 3145728")
      // What is just within is read.
      let object = Array(
        #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"blank"}}"#.utf8)
      let fits = try await client.request(
        "POST", Self.path + "?dryRun=All", body: object + blank.dropLast(object.count))
      #expect(fits.status == 201, "\(fits)")
    }
  }

  @Test func unknownFieldsAreTreatedAsFieldValidationSays() async throws {
    try await RunningCluster.unharmed { cluster in
      let client = try cluster.home.client(2)
      func create(_ validation: String) async throws -> Answer {
        try await client.post(
          Self.path + "?dryRun=All&fieldValidation=" + validation,
          #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"dat":{"a":"b"}}"#)
      }
      try await create("Strict").expectStatus(
        400, "BadRequest", "strict decoding error: unknown field \"dat\"")
      let warned = try await create("Warn")
      #expect(warned.status == 201)
      #expect(warned.headers.lowercased().contains("warning: 299 - \"unknown field \\\"dat\\\"\""))
      let ignored = try await create("Ignore")
      #expect(ignored.status == 201)
      #expect(!ignored.headers.lowercased().contains("warning:"))
      for answer in [warned, ignored] { #expect(answer.json["dat"] == nil) }
      try await create("Perhaps").expectStatus(422, "Invalid", "Strict")
    }
  }

  @Test(.enabled(if: Command.exists("kubectl"), "needs kubectl"))
  func kubectlToldToValidateRefusesWarnsOrIgnores() async throws {
    try await RunningCluster.unharmed { cluster in
      let home = cluster.home
      let file = home.folder.path + "/unknown.yaml"
      try """
      apiVersion: v1
      kind: ConfigMap
      metadata:
        name: validated
      dat: {a: b}
      """.write(toFile: file, atomically: true, encoding: .utf8)
      func apply(_ validation: String) throws -> ProcessEnd {
        try kubectl(cluster, "apply", "-f", file, "--validate=" + validation)
      }
      try apply("strict").expect("strict decoding error: unknown field \"dat\"")
      let warned = try apply("warn")
      warned.expect("Warning: unknown field \"dat\"", "configmap/validated created", status: 0)
      let ignored = try apply("ignore")
      ignored.expect("configmap/validated ", status: 0)
      #expect(!ignored.output.contains("Warning"))
    }
  }

  @Test func unknownResourcesAreNotFound() async throws {
    try await RunningCluster.unharmed { cluster in
      let client = try cluster.home.client(3)
      for path in ["/api/v1/frobs", "/api/v1/namespaces/default/frobs/x"] {
        try await client.get(path).expectStatus(
          404, "NotFound", "the server could not find the requested resource")
      }
      // What no served version of a group has is no resource; another group is any other path.
      try await client.get("/apis/apps/v7/deployments").expectStatus(
        404, "NotFound", "the server could not find the requested resource")
      let answer = try await client.get("/apis/frob.io/v1/frobs")
      #expect(answer.status == 404 && answer.body == "404 page not found\n", "\(answer)")
      try await client.post("/api/v1/namespaces/default/frobs", "{}").expectStatus(
        404, "NotFound")
      try await client.get(Self.path + "/none").expectStatus(
        404, "NotFound", "configmaps \"none\" not found")
      guard Command.exists("kubectl") else { return }
      try kubectl(cluster, "get", "frobs").expect(
        "the server doesn't have a resource type \"frobs\"")
    }
  }

  private func kubectl(_ cluster: RunningCluster, _ words: String...) throws -> ProcessEnd {
    let home = cluster.home
    return try Command.run(
      ["kubectl", "--server", "https://127.0.0.1:\(home.server(1).apiPort)"] + words,
      environment: ["KUBECONFIG": home.home + "/kubeconfig", "HOME": home.folder.path])
  }
}

// Callers without credentials, or with wrong ones.
extension RunningClusterTests {
  @Test func withoutCredentialsThereIs401() async throws {
    try await RunningCluster.unharmed { cluster in
      let nobody = APIClient(port: try cluster.home.server(1).apiPort)
      for path in [Self.path, "/api/v1/secrets", "/apis", "/metrics"] {
        try await nobody.get(path).expectStatus(401, "Unauthorized", "Unauthorized")
      }
      try await nobody.post(Self.path, "{}").expectStatus(401, "Unauthorized")
      #expect(try await nobody.get("/readyz").status == 200)
    }
  }

  @Test func withWrongCredentialsThereIs401() async throws {
    try await RunningCluster.unharmed { cluster in
      let port = try cluster.home.server(2).apiPort
      for token in ["abc", "a.b.c", String(repeating: "x", count: 5_000)] {
        try await APIClient(port: port, token: token).get(Self.path).expectStatus(
          401, "Unauthorized", "Unauthorized")
      }
      // A certificate of the replicas' authority, and one of another cluster.
      let peer = APIClient(port: port, credential: cluster.home.credential("server-1-peer"))
      try await peer.get(Self.path).expectStatus(401, "Unauthorized")
      let other = try await Standalone.start(cluster.home.folder.path + "/other")
      let stranger = APIClient(port: port, credential: other.client.credential)
      try await stranger.get(Self.path).expectStatus(401, "Unauthorized")
      try await other.process.stop()
    }
  }
}

// What knocks at the peer port besides the peers.
extension RunningClusterTests {
  /// What is no frame: too long, empty, of no kind, noise.
  static let frames: [[UInt8]] = [
    [255, 255, 255, 255] + [UInt8](repeating: 1, count: 70_000), [0, 0, 0, 0],
    [0, 0, 0, 5, 4, 255, 255, 255, 255], Array("GET / HTTP/1.1\r\n\r\n".utf8),
    (0..<5_000).map { _ in UInt8.random(in: 0...255) },
  ]

  @Test func garbageOnThePeerPortWithoutTLSIsClosed() async throws {
    try await knock(.none)
  }

  @Test func garbageOnThePeerPortWithoutACertificateIsClosed() async throws {
    try await knock(.tls(nil))
  }

  @Test func anAPICredentialOpensNoPeerPort() async throws {
    let cluster = try #require(RunningCluster.current)
    try await knock(.tls(cluster.home.credential("admin")))
  }

  private func knock(_ security: RawConnection.Security) async throws {
    try await RunningCluster.unharmed { cluster in
      for id in 1...3 {
        for frame in Self.frames {
          let connection = try await RawConnection(
            port: cluster.home.server(id).peerPort, security)
          connection.send(frame)
          _ = try await connection.untilClosed()
        }
        try await cluster.processes[id - 1].printed(
          "it does not speak TLS, or shows no certificate that this cluster's peer authority has "
            + "signed")
      }
    }
  }

  @Test func garbageAndOversizedFramesOfAPeerAreClosed() async throws {
    try await RunningCluster.unharmed { cluster in
      let home = cluster.home
      for frame in Self.frames {
        let connection = try await RawConnection(
          port: home.server(1).peerPort, .tls(home.credential("server-2-peer")))
        connection.send(frame)
        _ = try await connection.untilClosed()
      }
      try await cluster.processes[0].printed("this is no replica's protocol")
    }
  }
}
