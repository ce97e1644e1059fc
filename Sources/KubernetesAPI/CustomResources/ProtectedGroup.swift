import JSONDocument

/// Groups that belong to the Kubernetes community, whose definitions need its approval.
enum ProtectedGroup {
  static let annotation = "api-approved.kubernetes.io"

  enum Approval: Equatable {
    case missing
    case invalid(String)
    case bypassed(String)
    case approved(String)

    var reason: String {
      switch self {
      case .missing:
        "protected groups must have approval annotation \"\(ProtectedGroup.annotation)\", see "
          + "https://github.com/kubernetes/enhancements/pull/1111"
      case .invalid:
        "protected groups must have approval annotation \"\(ProtectedGroup.annotation)\" with "
          + "either a URL or a reason starting with \"unapproved\", see "
          + "https://github.com/kubernetes/enhancements/pull/1111"
      case .bypassed(let text): "not approved: \(GoFormat.quoted(text))"
      case .approved(let text): "approved in \(text)"
      }
    }
  }

  static func isProtected(_ group: String) -> Bool {
    group == "k8s.io" || group.hasSuffix(".k8s.io") || group == "kubernetes.io"
      || group.hasSuffix(".kubernetes.io")
  }

  static func approval(of object: JSONValue) -> Approval {
    guard let text = object.at("metadata", "annotations", annotation)?.stringValue, !text.isEmpty
    else { return .missing }
    if text.hasPrefix("unapproved") { return .bypassed(text) }
    if let address = WebAddress(parsing: text), !address.scheme.isEmpty, !address.host.isEmpty {
      return .approved(text)
    }
    return .invalid(text)
  }
}
