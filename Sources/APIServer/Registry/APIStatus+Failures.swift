import Keyspace
import KubernetesAPI

extension APIStatus {
  static let unknownResource = APIStatus(
    code: 404, reason: "NotFound", message: "the server could not find the requested resource")

  static let methodNotAllowed = APIStatus(
    code: 405, reason: "MethodNotAllowed",
    message: "the server does not allow this method on the requested resource")

  static let modified =
    "the object has been modified; please apply your changes to the latest version and try again"

  static func alreadyExists(_ resource: GroupVersionResource, name: String) -> APIStatus {
    APIStatus(
      code: 409, reason: "AlreadyExists", message: "\(resource) \"\(name)\" already exists",
      kind: resource.resource, group: resource.group, name: name)
  }

  static func forbidden(_ resource: GroupVersionResource, name: String, _ message: String)
    -> APIStatus
  {
    let subject =
      name.isEmpty ? "\(resource) is forbidden" : "\(resource) \"\(name)\" is forbidden"
    return APIStatus(
      code: 403, reason: "Forbidden", message: "\(subject): \(message)",
      kind: resource.resource, group: resource.group, name: name)
  }

  static func internalError(_ message: String) -> APIStatus {
    APIStatus(
      code: 500, reason: "InternalError", message: "Internal error occurred: \(message)",
      causes: [Cause(reason: "", message: message, field: "")])
  }

  static func expired(_ message: String) -> APIStatus {
    APIStatus(code: 410, reason: "Expired", message: message)
  }

  static func tooOld(_ revision: Revision, oldest: Revision) -> APIStatus {
    expired("too old resource version: \(revision) (\(oldest))")
  }

  static func tooLarge(_ revision: Revision, current: Revision) -> APIStatus {
    APIStatus(
      code: 504, reason: "Timeout",
      message: "Timeout: Too large resource version: \(revision), current: \(current)",
      causes: [
        Cause(
          reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "")
      ],
      retryAfterSeconds: 1)
  }

  init(_ error: StoreError) {
    switch error {
    case .unavailable(let message):
      self.init(
        code: 503, reason: "ServiceUnavailable",
        message: message.isEmpty ? "the store has no leader" : "the store: \(message)",
        retryAfterSeconds: 1)
    case .compacted(let oldest):
      self = .expired("The requested resource version is too old, the oldest is \(oldest)")
    case .future(let current):
      self = .tooLarge(0, current: current)
    case .noSpace(let message):
      self.init(
        code: 507, reason: "InsufficientStorage", message: "the store has no space: \(message)")
    case .invalid(let message):
      self.init(
        code: 413, reason: "RequestEntityTooLarge", message: "the store refuses this: \(message)")
    case .stopped(let message):
      self.init(
        code: 503, reason: "ServiceUnavailable", message: "the store has stopped: \(message)",
        retryAfterSeconds: 1)
    }
  }
}
