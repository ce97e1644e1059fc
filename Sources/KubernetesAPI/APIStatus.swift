import JSONDocument

/// A failure as the API tells it: the `Status` object of meta/v1.
public struct APIStatus: Error, Sendable, Hashable, CustomStringConvertible {
  public struct Cause: Sendable, Hashable {
    public var reason: String
    public var message: String
    public var field: String

    public init(reason: String, message: String, field: String) {
      self.reason = reason
      self.message = message
      self.field = field
    }
  }

  /// The HTTP status.
  public var code: Int
  /// E.g. `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`.
  public var reason: String
  public var message: String
  /// The resource's plural name or the kind, as upstream fills `details.kind`.
  public var kind: String
  public var group: String
  public var name: String
  public var causes: [Cause]
  public var retryAfterSeconds: Int

  public init(
    code: Int, reason: String, message: String, kind: String = "", group: String = "",
    name: String = "", causes: [Cause] = [], retryAfterSeconds: Int = 0
  ) {
    self.code = code
    self.reason = reason
    self.message = message
    self.kind = kind
    self.group = group
    self.name = name
    self.causes = causes
    self.retryAfterSeconds = retryAfterSeconds
  }

  public var description: String { "\(reason) (\(code)): \(message)" }

  public static func notFound(_ resource: GroupVersionResource, name: String) -> APIStatus {
    APIStatus(
      code: 404, reason: "NotFound", message: "\(resource) \"\(name)\" not found",
      kind: resource.resource, group: resource.group, name: name)
  }

  public static func conflict(_ resource: GroupVersionResource, name: String, _ message: String)
    -> APIStatus
  {
    APIStatus(
      code: 409, reason: "Conflict",
      message: "Operation cannot be fulfilled on \(resource) \"\(name)\": \(message)",
      kind: resource.resource, group: resource.group, name: name)
  }

  public static func badRequest(_ message: String) -> APIStatus {
    APIStatus(code: 400, reason: "BadRequest", message: message)
  }

  /// The `Status` object.
  public var object: JSONValue {
    var details = JSONObject()
    if !name.isEmpty { details["name"] = .string(name) }
    if !group.isEmpty { details["group"] = .string(group) }
    if !kind.isEmpty { details["kind"] = .string(kind) }
    if !causes.isEmpty {
      details["causes"] = .array(
        causes.map { cause in
          var object = JSONObject()
          if !cause.reason.isEmpty { object["reason"] = .string(cause.reason) }
          if !cause.message.isEmpty { object["message"] = .string(cause.message) }
          if !cause.field.isEmpty { object["field"] = .string(cause.field) }
          return .object(object)
        })
    }
    if retryAfterSeconds > 0 { details["retryAfterSeconds"] = .int(Int64(retryAfterSeconds)) }
    var status: JSONObject = [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure",
      "message": .string(message),
    ]
    if !reason.isEmpty { status["reason"] = .string(reason) }
    if !details.isEmpty { status["details"] = .object(details) }
    status["code"] = .int(Int64(code))
    return .object(status)
  }

  /// Reads a `Status` object that a server answered.
  public init(object: JSONValue, code: Int) {
    let details = object["details"]
    self.init(
      code: object["code"]?.intValue.map(Int.init) ?? code,
      reason: object["reason"]?.stringValue ?? "Unknown",
      message: object["message"]?.stringValue ?? "the server answered \(code)",
      kind: details?["kind"]?.stringValue ?? "", group: details?["group"]?.stringValue ?? "",
      name: details?["name"]?.stringValue ?? "",
      causes: (details?["causes"]?.arrayValue ?? []).map {
        Cause(
          reason: $0["reason"]?.stringValue ?? "", message: $0["message"]?.stringValue ?? "",
          field: $0["field"]?.stringValue ?? "")
      },
      retryAfterSeconds: details?["retryAfterSeconds"]?.intValue.map(Int.init) ?? 0)
  }
}
