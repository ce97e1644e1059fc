import JSONDocument
import KubernetesAPI

extension ObjectWarnings {
  /// Warnings of which some hang on what the object was before; nil for one that is new.
  static func ofChange(_ object: JSONValue, old: JSONValue?, _ info: ResourceInfo) -> [String] {
    switch info.gvr.description {
    case "secrets": secret(object)
    case "endpointslices.discovery.k8s.io":
      object["addressType"] == "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : []
    case "csidrivers.storage.k8s.io":
      // Who knows it already need not hear it again.
      leavesTokensInAttributes(object) && !(old.map(leavesTokensInAttributes) ?? false)
        ? [
          "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to "
            + "true to prevent possible logging of tokens in volume attributes"
        ] : []
    default: []
    }
  }

  private static func leavesTokensInAttributes(_ driver: JSONValue) -> Bool {
    driver.at("spec", "tokenRequests")?.arrayValue?.isEmpty == false
      && driver.at("spec", "serviceAccountTokenInSecrets") == nil
  }

  private static func secret(_ secret: JSONValue) -> [String] {
    guard secret["type"] == "kubernetes.io/tls" else { return [] }
    func text(_ key: String) -> String {
      let bytes = Base64.decode(secret.at("data", key)?.stringValue ?? "") ?? []
      return String(decoding: bytes, as: UTF8.self)
    }
    return KeyPairCheck.problem(certificate: text("tls.crt"), key: text("tls.key")).map { [$0] }
      ?? []
  }

  /// Memory and storage come in whole bytes.
  static func fractionalBytes(_ spec: JSONValue?, _ field: String) -> [String] {
    var warnings: [String] = []
    func look(_ amounts: JSONValue?, _ place: String) {
      for name in ["memory", "ephemeral-storage"] {
        guard let text = amounts?[name]?.stringValue, let amount = Quantity(parsing: text),
          amount.milliValue % 1000 != 0
        else { continue }
        warnings.append(
          "\(place)[\(name)]: fractional byte value \(GoFormat.quoted(text)) is invalid, must be "
            + "an integer")
      }
    }
    look(spec?["overhead"], "\(field).overhead")
    for list in ["initContainers", "containers", "ephemeralContainers"] {
      for (index, container) in (spec?[list]?.arrayValue ?? []).enumerated() {
        for side in ["limits", "requests"] {
          look(container.at("resources", side), "\(field).\(list)[\(index)].resources.\(side)")
        }
      }
    }
    return warnings
  }
}
