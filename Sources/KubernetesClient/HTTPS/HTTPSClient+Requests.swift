import JSONDocument
import KubernetesAPI
import NIOCore
import NIOHTTP1

extension HTTPSClient {
  /// Sends one request as it is and returns the answer, also one that is a failure.
  ///
  /// `path` includes the query. Throws `APIStatus` only where there is no answer.
  public func raw(
    method: String, path: String, body: [UInt8]? = nil, contentType: String = "application/json"
  ) async throws -> HTTPAnswer {
    let method = HTTPMethod(rawValue: method)
    let isRead = method == .GET || method == .HEAD
    let head = head(
      method, path, contentType: body == nil ? nil : contentType,
      bodyBytes: isRead ? nil : body?.count ?? 0)
    var backoff = Backoff(initialMilliseconds: 20, maximumMilliseconds: 500)
    let budget = Duration.milliseconds(options.retryBudgetMilliseconds)
    let start = ContinuousClock.now
    while true {
      do {
        let answer = try await pool.withConnection { connection in
          let answer = try await connection.perform(
            head: head, body: body, timeout: .seconds(options.requestTimeoutSeconds))
          return (answer, reusable: answer.keepsAlive)
        }
        guard answer.status == 429, ContinuousClock.now - start < budget else { return answer }
        // The server has turned it away unread, and says when it would take it.
        let seconds = answer.header("Retry-After").flatMap { Int64($0) } ?? 1
        try await Task.sleep(for: .milliseconds(min(max(seconds, 0), 5) * 1000))
      } catch let error as HTTPFailure {
        try Task.checkCancellation()
        guard Self.mayRetry(error, isRead: isRead), ContinuousClock.now - start < budget else {
          throw Self.unavailable(error)
        }
        try await Task.sleep(for: .milliseconds(backoff.next(jitter: .random(in: 0..<1))))
      }
    }
  }

  static func mayRetry(_ failure: HTTPFailure, isRead: Bool) -> Bool {
    switch failure {
    case .neverSent: true
    case .lost: isRead
    case .timedOut, .tooLarge: false
    }
  }

  static func unavailable(_ failure: HTTPFailure) -> APIStatus {
    if case .timedOut = failure {
      return APIStatus(code: 504, reason: "Timeout", message: failure.description)
    }
    return APIStatus(code: 503, reason: "ServiceUnavailable", message: failure.description)
  }

  /// Sends a request and reads the answer's object; throws `APIStatus` for a failure.
  func object(
    _ method: String, _ path: String, body: JSONValue? = nil,
    contentType: String = "application/json"
  ) async throws -> JSONValue {
    let answer = try await raw(
      method: method, path: path, body: body?.serialized(), contentType: contentType)
    return try Self.object(of: answer)
  }

  static func object(of answer: HTTPAnswer) throws -> JSONValue {
    let parsed = try? JSONValue(parsing: answer.body)
    guard (200..<300).contains(answer.status) else { throw status(of: answer, parsed: parsed) }
    guard let parsed else {
      throw APIStatus(
        code: 500, reason: "InternalError",
        message: "the server answered \(answer.status) with a body that is not JSON")
    }
    return parsed
  }

  static func status(of answer: HTTPAnswer, parsed: JSONValue?) -> APIStatus {
    if let parsed, parsed["kind"]?.stringValue == "Status" {
      return APIStatus(object: parsed, code: answer.status)
    }
    let text = String(decoding: answer.body.prefix(256), as: UTF8.self)
    let reason =
      switch answer.status {
      case 401: "Unauthorized"
      case 403: "Forbidden"
      case 404: "NotFound"
      case 409: "Conflict"
      case 410: "Expired"
      case 429: "TooManyRequests"
      case 503: "ServiceUnavailable"
      default: "Unknown"
      }
    return APIStatus(
      code: answer.status, reason: reason,
      message: text.isEmpty ? "the server answered \(answer.status)" : text)
  }
}

extension HTTPSClient: KubernetesClient {
  public func get(_ resource: GroupVersionResource, namespace: String?, name: String) async throws
    -> JSONValue
  {
    try await object("GET", ResourcePath.path(of: resource, namespace: namespace, name: name))
  }

  public func list(_ resource: GroupVersionResource, namespace: String?, options: ListOptions)
    async throws -> ObjectList
  {
    let path = ResourcePath.path(
      of: resource, namespace: namespace, query: Self.selectors(options))
    let list = try await object("GET", path)
    guard let version = list.at("metadata", "resourceVersion")?.stringValue else {
      throw APIStatus(
        code: 500, reason: "InternalError", message: "the list of \(resource) has no version")
    }
    return ObjectList(items: list["items"]?.arrayValue ?? [], resourceVersion: version)
  }

  static func selectors(_ options: ListOptions) -> [(String, String)] {
    var query: [(String, String)] = []
    if !options.labelSelector.isEmpty { query.append(("labelSelector", options.labelSelector)) }
    if !options.fieldSelector.isEmpty { query.append(("fieldSelector", options.fieldSelector)) }
    return query
  }

  public func create(
    _ resource: GroupVersionResource, namespace: String?, object: JSONValue,
    subresource: (name: String, subresource: String)?
  ) async throws -> JSONValue {
    let path = ResourcePath.path(
      of: resource, namespace: namespace, name: subresource?.name,
      subresource: subresource?.subresource)
    return try await self.object("POST", path, body: object)
  }

  public func update(
    _ resource: GroupVersionResource, namespace: String?, name: String, object: JSONValue,
    subresource: String?
  ) async throws -> JSONValue {
    let path = ResourcePath.path(
      of: resource, namespace: namespace, name: name, subresource: subresource)
    return try await self.object("PUT", path, body: object)
  }

  public func patch(
    _ resource: GroupVersionResource, namespace: String?, name: String, patch: JSONValue,
    type: PatchType, subresource: String?
  ) async throws -> JSONValue {
    let path = ResourcePath.path(
      of: resource, namespace: namespace, name: name, subresource: subresource)
    return try await object("PATCH", path, body: patch, contentType: type.rawValue)
  }

  public func delete(
    _ resource: GroupVersionResource, namespace: String?, name: String, options: DeleteOptions
  ) async throws {
    var body: JSONValue = ["kind": "DeleteOptions", "apiVersion": "v1"]
    body["gracePeriodSeconds"] = options.gracePeriodSeconds.map { JSONValue($0) }
    body["propagationPolicy"] = options.propagationPolicy.map { .string($0) }
    if let uid = options.preconditionUID { body.set(.string(uid), at: "preconditions", "uid") }
    if let version = options.preconditionResourceVersion {
      body.set(.string(version), at: "preconditions", "resourceVersion")
    }
    _ = try await object(
      "DELETE", ResourcePath.path(of: resource, namespace: namespace, name: name), body: body)
  }
}
