import Foundation
import JSONDocument
import Keyspace
import KubernetesAPI
import Synchronization

/// Where the next page of a list begins, and of which revision it is. Opaque to clients.
struct ContinueToken: Hashable {
  var revision: Revision
  /// The last key of the page before, without the list's prefix.
  var after: Key

  init(revision: Revision, after: Key) {
    self.revision = revision
    self.after = after
  }

  init(parsing text: String) throws(APIStatus) {
    guard let bytes = Base64URL.decode(text), let value = try? JSONValue(parsing: bytes),
      let revision = value["rv"]?.intValue, revision > 0, let start = value["start"]?.stringValue
    else {
      throw .badRequest("continue key is not valid: it was not made by this server")
    }
    self.revision = Revision(revision)
    after = Key(start)
  }

  var text: String {
    let value: JSONValue = [
      "v": "meta.k8s.io/v1", "rv": .int(Int64(clamping: revision)),
      "start": .string(after.description),
    ]
    return Base64URL.encode(value.serialized())
  }
}

/// Base64 with the alphabet of RFC 4648 section 5, without padding.
enum Base64URL {
  static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text = Data(bytes).base64EncodedString()
    text = text.replacingOccurrences(of: "+", with: "-")
    text = text.replacingOccurrences(of: "/", with: "_")
    return text.replacingOccurrences(of: "=", with: "")
  }

  static func decode(_ text: String) -> [UInt8]? {
    var text = text.replacingOccurrences(of: "-", with: "+")
    text = text.replacingOccurrences(of: "_", with: "/")
    text += String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    return Data(base64Encoded: text).map(Array.init)
  }
}

/// Keeps the views that pages of a list refer to, for a while.
final class SnapshotCache: Sendable {
  private struct Kept {
    var reader: any KeyspaceReader
    var untilMilliseconds: UInt64
  }

  /// As long as upstream lets a continue token live at most.
  static let lifetimeMilliseconds: UInt64 = 5 * 60 * 1000
  static let capacity = 32

  private let kept = Mutex<[Kept]>([])

  func keep(_ reader: any KeyspaceReader) {
    let now = WallClock.milliseconds()
    kept.withLock { kept in
      kept.removeAll {
        $0.untilMilliseconds < now || $0.reader.revision == reader.revision
      }
      if kept.count >= Self.capacity { kept.removeFirst() }
      kept.append(Kept(reader: reader, untilMilliseconds: now + Self.lifetimeMilliseconds))
    }
  }

  func reader(at revision: Revision) -> (any KeyspaceReader)? {
    kept.withLock { kept in kept.first { $0.reader.revision == revision }?.reader }
  }
}
