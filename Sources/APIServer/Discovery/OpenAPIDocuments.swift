import KubernetesAPI
import Synchronization

/// The OpenAPI documents, each serialized once, when first asked for.
final class OpenAPIDocuments: Sendable {
  static let shared = OpenAPIDocuments()

  private let cache = Mutex<[String: [UInt8]]>([:])

  var index: [UInt8] { cached("index") { OpenAPI.v3Index().serialized() } }
  var v2: [UInt8] { cached("v2") { OpenAPI.v2() } }
  var v2Protobuf: [UInt8] { cached("v2 in protobuf") { OpenAPI.v2Protobuf() } }

  func document(group: String, version: String) -> [UInt8]? {
    let name = "\(group)/\(version)"
    if let bytes = cache.withLock({ $0[name] }) { return bytes }
    guard let bytes = OpenAPI.v3(group: group, version: version) else { return nil }
    cache.withLock { $0[name] = bytes }
    return bytes
  }

  private func cached(_ name: String, make: () -> [UInt8]) -> [UInt8] {
    if let bytes = cache.withLock({ $0[name] }) { return bytes }
    let bytes = make()
    cache.withLock { $0[name] = bytes }
    return bytes
  }
}
