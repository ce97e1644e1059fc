import JSONDocument
import KubernetesAPI

extension ObjectWarnings {
  /// What a write is warned of; some of it hangs on what the object was before, nil for a new one.
  ///
  /// - Parameter isKnownGood: whether there was nothing to warn of in a pod's specification before.
  static func ofWrite(
    _ object: JSONValue, old: JSONValue?, _ info: ResourceInfo, isKnownGood: Bool = false
  ) -> [String] {
    if isKnownGood, !hasAnnotationsToWarnOf(object) { return podName(object) }
    let warnings = of(object, info)
    switch info.groupResource {
    case "secrets": return warnings + secret(object)
    case "csidrivers.storage.k8s.io":
      // Who knows it already need not hear it again.
      guard let old else { return warnings }
      let known = of(old, info)
      return warnings.filter { !known.contains($0) }
    default: return warnings
    }
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
}
