import KubernetesAPI

/// One entry of an Accept header, or a Content-Type.
struct MediaType: Sendable, Hashable {
  var type: String
  var parameters: [String: String] = [:]

  init(_ text: String) { self.init(Substring(text)) }

  init(_ text: Substring) {
    let parts = text.utf8.split(separator: UInt8(ascii: ";"))
    type = parts.first.map { Substring($0).trimmed.lowercased() } ?? ""
    for part in parts.dropFirst() {
      let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1)
      guard sides.count == 2 else { continue }
      parameters[Substring(sides[0]).trimmed.lowercased()] = Substring(sides[1]).trimmed
    }
  }

  static func list(_ header: String) -> [MediaType] {
    header.utf8.split(separator: UInt8(ascii: ",")).map { MediaType(Substring($0)) }
  }
}

extension String {
  /// Without blanks and tabs at both ends.
  var trimmed: String { Substring(self).trimmed }
}

extension Substring {
  var trimmed: String {
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    guard let first = utf8.firstIndex(where: { !isBlank($0) }),
      let last = utf8.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return String(self[first...last])
  }
}

/// In which form objects are answered.
struct Representation: Sendable, Hashable {
  enum Format: Sendable { case json, yaml, protobuf }
  enum Transform: String, Sendable {
    case none = ""
    case table = "Table"
    case partial = "PartialObjectMetadata"
  }

  var format = Format.json
  var transform = Transform.none
  /// Of `meta.k8s.io`, for tables and partial objects.
  var metaVersion = "v1"

  var contentType: String {
    switch format {
    case .json: "application/json"
    case .yaml: "application/yaml"
    case .protobuf: Self.protobufType
    }
  }

  /// What a watch is answered with.
  var streamContentType: String {
    format == .json ? contentType : "\(contentType);stream=watch"
  }

  static let protobufType = "application/vnd.kubernetes.protobuf"

  static let acceptedTypes =
    "application/json, application/yaml, application/vnd.kubernetes.protobuf"

  /// Chooses among what the client accepts.
  ///
  /// - Parameter hasProtobuf: whether the kind has a protobuf form.
  /// - Throws: 406 where nothing fits.
  init(accept header: String?, hasProtobuf: Bool = true) throws(APIStatus) {
    guard let header, !header.trimmed.isEmpty else { return }
    for accepted in MediaType.list(header) {
      switch accepted.type {
      case "application/json", "application/*", "*/*": format = .json
      case "application/yaml": format = .yaml
      case Self.protobufType
      where (hasProtobuf || accepted.parameters["as"]?.hasPrefix("PartialObjectMetadata") == true)
        && accepted.parameters["as"] != "Table":
        format = .protobuf
      default: continue
      }
      guard let kind = accepted.parameters["as"] else { return }
      guard accepted.parameters["g"] == "meta.k8s.io", let version = accepted.parameters["v"],
        ["v1", "v1beta1"].contains(version)
      else { continue }
      switch kind {
      case "Table": transform = .table
      case "PartialObjectMetadata", "PartialObjectMetadataList": transform = .partial
      default: continue
      }
      metaVersion = version
      return
    }
    throw .notAcceptable
  }

  init() {}
}

extension APIStatus {
  static let notAcceptable = APIStatus(
    code: 406, reason: "NotAcceptable",
    message: "only the following media types are accepted: \(Representation.acceptedTypes)")
}
