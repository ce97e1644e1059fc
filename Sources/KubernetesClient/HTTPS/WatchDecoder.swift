import JSONDocument
import KubernetesAPI

/// Cuts a watch's answer into lines and decodes the events; pieces may end anywhere.
struct WatchDecoder {
  /// An object may be 1.5 MB (etcd's bound on requests, which API servers share), and an event
  /// adds little.
  static let maximumLineBytes = 8 << 20

  private var partial: [UInt8] = []

  /// The events that `bytes` complete. Throws `APIStatus` for an ERROR event or for what is no
  /// event.
  mutating func decode(_ bytes: some Collection<UInt8>) throws -> [WatchEvent] {
    var events: [WatchEvent] = []
    var rest = bytes[...]
    while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = rest[..<newline]
      rest = rest[rest.index(after: newline)...]
      if partial.isEmpty {
        if let event = try event(line) { events.append(event) }
      } else {
        partial.append(contentsOf: line)
        let whole = partial
        partial = []
        if let event = try event(whole[...]) { events.append(event) }
      }
    }
    guard partial.count + rest.count <= Self.maximumLineBytes else {
      throw APIStatus(
        code: 500, reason: "InternalError",
        message: "a watch event exceeds \(Self.maximumLineBytes) bytes")
    }
    partial.append(contentsOf: rest)
    return events
  }

  private func event(_ line: some Collection<UInt8>) throws -> WatchEvent? {
    if line.allSatisfy({ $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: " ") }) { return nil }
    let value: JSONValue
    do { value = try JSONValue(parsing: line) } catch {
      throw APIStatus(
        code: 500, reason: "InternalError", message: "a watch event is not JSON: \(error)")
    }
    guard let object = value["object"], let type = value["type"]?.stringValue else {
      throw APIStatus(
        code: 500, reason: "InternalError", message: "a watch event lacks type or object")
    }
    if type == "ERROR" { throw APIStatus(object: object, code: 500) }
    // A kind of event that is not known carries nothing to act on.
    guard let kind = WatchEvent.Kind(rawValue: type) else { return nil }
    return WatchEvent(kind: kind, object: object)
  }
}
