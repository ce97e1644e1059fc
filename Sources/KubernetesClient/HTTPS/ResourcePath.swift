import KubernetesAPI

/// Builds request paths; names are percent-encoded.
enum ResourcePath {
  static func path(
    of resource: GroupVersionResource, namespace: String?, name: String? = nil,
    subresource: String? = nil, query: [(String, String)] = []
  ) -> String {
    var path =
      resource.group.isEmpty
      ? "/api/\(resource.version)" : "/apis/\(resource.group)/\(resource.version)"
    if let namespace, !namespace.isEmpty { path += "/namespaces/\(encoded(namespace))" }
    path += "/\(resource.resource)"
    if let name { path += "/\(encoded(name))" }
    if let subresource, !subresource.isEmpty { path += "/\(subresource)" }
    return path + Self.query(query)
  }

  static func query(_ parameters: [(String, String)]) -> String {
    if parameters.isEmpty { return "" }
    return "?" + parameters.map { "\(encoded($0))=\(encoded($1))" }.joined(separator: "&")
  }

  /// RFC 3986: everything but unreserved characters.
  static func encoded(_ text: String) -> String {
    var output: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        output.append(byte)
      default:
        output.append(UInt8(ascii: "%"))
        output.append(digits[Int(byte >> 4)])
        output.append(digits[Int(byte & 15)])
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}
