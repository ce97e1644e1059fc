import Foundation
import JSONDocument
import Testing

/// What an API server answered.
struct Answer: Sendable, CustomStringConvertible {
  var status: Int
  var headers: String
  /// As it was sent; without the lengths of chunks.
  var bytes: [UInt8]

  var body: String { String(decoding: bytes, as: UTF8.self) }
  var json: JSONValue { (try? JSONValue(parsing: Array(body.utf8))) ?? .null }
  var description: String { "\(status)\n\(headers)\n\n\(body)" }

  /// Reads an HTTP/1.1 answer after which the connection was closed.
  init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    headers = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    guard headers.hasPrefix("HTTP/1.1 "), let status = Int(headers.dropFirst(9).prefix(3)) else {
      return nil
    }
    self.status = status
    let body = Array(bytes[end.upperBound...])
    let isChunked = headers.lowercased().contains("transfer-encoding: chunked")
    self.bytes = isChunked ? Self.joined(body) : body
  }

  private static func joined(_ chunked: [UInt8]) -> [UInt8] {
    var rest = chunked[...]
    var result: [UInt8] = []
    while let line = rest.firstRange(of: Array("\r\n".utf8)),
      let count = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16),
      count > 0
    {
      result += rest[line.upperBound...].prefix(count)
      rest = rest[line.upperBound...].dropFirst(count + 2)
    }
    return result
  }

  /// Records a failure unless it is a Status with `code` and `reason` whose message contains all
  /// of `texts`.
  func expectStatus(
    _ code: Int, _ reason: String, _ texts: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(status == code, "\(self)", sourceLocation: sourceLocation)
    #expect(json["kind"] == "Status", "\(self)", sourceLocation: sourceLocation)
    #expect(json["reason"] == .string(reason), "\(self)", sourceLocation: sourceLocation)
    for text in texts {
      #expect(
        json["message"]?.stringValue?.contains(text) == true, "no “\(text)” in \(self)",
        sourceLocation: sourceLocation)
    }
  }
}

/// A client of one API server, a connection for each request.
struct APIClient: Sendable {
  var port: Int
  var credential: ClientCredential?
  var token: String?

  func request(
    _ method: String, _ path: String, body: [UInt8] = [], contentType: String = "application/json",
    accept: String = "application/json", headers: [String] = []
  ) async throws -> Answer {
    var lines = [
      "\(method) \(path) HTTP/1.1", "Host: 127.0.0.1:\(port)", "Connection: close",
      "User-Agent: taffrail-test/1", "Accept: \(accept)",
    ]
    if let token { lines.append("Authorization: Bearer \(token)") }
    if !body.isEmpty {
      lines += ["Content-Type: \(contentType)", "Content-Length: \(body.count)"]
    }
    lines += headers + ["", ""]
    return try await exchange(Array(lines.joined(separator: "\r\n").utf8) + body)
  }

  func get(_ path: String) async throws -> Answer { try await request("GET", path) }

  func post(_ path: String, _ body: String) async throws -> Answer {
    try await request("POST", path, body: Array(body.utf8))
  }

  /// Sends bytes as they are.
  func exchange(_ bytes: [UInt8]) async throws -> Answer {
    let connection = try await RawConnection(port: port, .tls(credential))
    connection.send(bytes)
    let received = try await connection.untilClosed()
    return try #require(
      Answer(received),
      "this is no answer: \(String(decoding: received.prefix(500), as: UTF8.self))")
  }

  /// Asks until the server says that it is ready; `process` must not end meanwhile.
  func untilReady(_ process: ServerProcess) async throws {
    let deadline = ContinuousClock.now + .seconds(ServerProcess.patienceSeconds)
    while true {
      if let answer = try? await get("/readyz"), answer.status == 200 { return }
      guard process.isRunning, ContinuousClock.now < deadline else {
        throw ServerProcess.Failure(description: "it does not become ready:\n\(process.output)")
      }
      try await Task.sleep(for: .milliseconds(25))
    }
  }
}

/// ConfigMaps whose writing was acknowledged.
struct Acknowledged: Sendable {
  private static let path = "/api/v1/namespaces/default/configmaps"
  private(set) var values: [String: String] = [:]

  /// Writes one with about `bytes` of text that does not compress well.
  @discardableResult
  mutating func write(to client: APIClient, bytes: Int = 20) async throws -> Answer {
    let name = "kept-\(UUID().uuidString.lowercased())"
    var text = ""
    while text.utf8.count < bytes { text += UUID().uuidString }
    let answer = try await client.post(
      Self.path,
      #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"\#(name)"},"#
        + #""data":{"text":"\#(text)"}}"#)
    if answer.status == 201 { values[name] = text }
    return answer
  }

  mutating func write(_ count: Int, to client: APIClient, bytes: Int = 20) async throws {
    for _ in 0..<count {
      let answer = try await write(to: client, bytes: bytes)
      #expect(answer.status == 201, "\(answer)")
    }
  }

  /// Records a failure for each that is not there as it was written.
  func expectAll(
    from client: APIClient, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let answer = try await client.get(Self.path)
    #expect(answer.status == 200, "\(answer)", sourceLocation: sourceLocation)
    var found: [String: String] = [:]
    for item in answer.json["items"]?.arrayValue ?? [] {
      if let name = item["metadata"]?["name"]?.stringValue {
        found[name] = item["data"]?["text"]?.stringValue
      }
    }
    let lost = values.filter { found[$0.key] != $0.value }.map(\.key)
    #expect(
      lost.isEmpty, "\(lost.count) of \(values.count) are lost: \(lost)",
      sourceLocation: sourceLocation)
  }
}
