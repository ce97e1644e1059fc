import KubernetesAPI

/// What a reader of a container's log asks for.
struct LogQuery: Sendable, Hashable {
  var follow = false
  var previous = false
  var timestamps = false
  var tailLines: Int?
  var since: Timestamp?
  var limitBytes: Int?

  /// Why a query can't be read, for the client.
  struct Invalid: Error { var message: String }

  init() {}

  /// Reads the parameters of `/containerLogs`, which are those of the API's `pods/log`.
  init(parameters: [String: String], now: Timestamp) throws(Invalid) {
    func flag(_ name: String) throws(Invalid) -> Bool {
      switch parameters[name] {
      case nil, "", "false", "0": return false
      case "true", "1": return true
      case let value?: throw Invalid(message: "\(name) must be true or false, not \"\(value)\"")
      }
    }
    func number(_ name: String) throws(Invalid) -> Int? {
      guard let text = parameters[name], !text.isEmpty else { return nil }
      guard let value = Int(text), value >= 0 else {
        throw Invalid(message: "\(name) must be a whole number from 0, not \"\(text)\"")
      }
      return value
    }
    follow = try flag("follow")
    previous = try flag("previous")
    timestamps = try flag("timestamps")
    tailLines = try number("tailLines")
    limitBytes = try number("limitBytes")
    if let seconds = try number("sinceSeconds") {
      since = now.adding(seconds: -Int64(min(seconds, 1 << 40)))
    } else if let text = parameters["sinceTime"], !text.isEmpty {
      guard let time = Timestamp(parsing: text) else {
        throw Invalid(message: "sinceTime must be an RFC 3339 time, not \"\(text)\"")
      }
      since = time
    }
  }
}

/// Where a container's output is.
public struct LogLocation: Sendable {
  public var path: String
  /// Whether the container may still write. Asked again and again while a reader follows.
  public var isRunning: @Sendable () async -> Bool

  public init(path: String, isRunning: @escaping @Sendable () async -> Bool) {
    self.path = path
    self.isRunning = isRunning
  }
}
