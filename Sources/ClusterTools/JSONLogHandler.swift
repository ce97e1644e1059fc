import Foundation
import JSONDocument
import Logging

/// Writes a log as one JSON object a line: `time` (RFC 3339, UTC), `level`, `component` (the
/// logger's label), `message`, and under `fields` what else is known.
public struct JSONLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  public var logLevel: Logger.Level = .info
  private let component: String
  private let write: @Sendable (String) -> Void

  /// - Parameter write: takes a line with its end; called from any thread.
  public init(
    component: String,
    write: @escaping @Sendable (String) -> Void = {
      // One call a line, so that lines of several threads don't mix.
      FileHandle.standardError.write(Data($0.utf8))
    }
  ) {
    self.component = component
    self.write = write
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var fields = metadata
    fields.merge(metadataProvider?.get() ?? [:]) { _, new in new }
    fields.merge(event.metadata ?? [:]) { _, new in new }
    if let error = event.error { fields["error"] = "\(error)" }
    write(
      Self.line(
        time: Date(), level: event.level, component: component,
        message: event.message.description, fields: fields))
  }

  static func line(
    time: Date, level: Logger.Level, component: String, message: String,
    fields: Logger.Metadata
  ) -> String {
    var object: JSONObject = [
      "time": .string(
        time.formatted(
          Date.ISO8601FormatStyle(includingFractionalSeconds: true, timeZone: .gmt))),
      "level": .string(level.rawValue), "component": .string(component),
      "message": .string(message),
    ]
    if !fields.isEmpty { object["fields"] = value(.dictionary(fields)) }
    return JSONValue.object(object).text + "\n"
  }

  private static func value(_ metadata: Logger.Metadata.Value) -> JSONValue {
    switch metadata {
    case .string(let text): return .string(text)
    case .stringConvertible(let value): return .string(value.description)
    case .array(let values): return .array(values.map(value))
    case .dictionary(let values):
      var object = JSONObject()
      for (key, item) in values.sorted(by: { $0.key < $1.key }) { object[key] = value(item) }
      return .object(object)
    }
  }
}
