/// What the built-in signers sign. Pure.
enum SignerPolicy {
  static let client = "kubernetes.io/kube-apiserver-client"
  static let kubeletClient = "kubernetes.io/kube-apiserver-client-kubelet"
  static let kubeletServing = "kubernetes.io/kubelet-serving"
  static let legacy = "kubernetes.io/legacy-unknown"
  static let all = [client, kubeletClient, kubeletServing, legacy]

  /// What a request asks to be certified.
  struct Subject: Sendable, Hashable {
    var commonName = ""
    var organizations: [String] = []
    var hosts = 0
    var mailsAndURIs = 0
  }

  /// Why a signer does not sign a request; nil if it does.
  static func problem(_ signer: String, _ subject: Subject, usages: Set<String>) -> String? {
    switch signer {
    case client:
      let allowed: Set<String> = ["digital signature", "key encipherment", "client auth"]
      if !usages.contains("client auth") { return "usages did not match [client auth]" }
      let others = usages.subtracting(allowed).sorted()
      return others.isEmpty ? nil : "usages \(others) are not allowed by \(client)"
    case kubeletClient:
      if let problem = nodeProblem(subject) { return problem }
      if subject.hosts + subject.mailsAndURIs > 0 {
        return "DNS, IP, email and URI names are not allowed"
      }
      return match(usages, "client auth")
    case kubeletServing:
      if let problem = nodeProblem(subject) { return problem }
      if subject.hosts == 0 { return "at least one DNS or IP name is required" }
      if subject.mailsAndURIs > 0 { return "email and URI names are not allowed" }
      return match(usages, "server auth")
    case legacy: return nil
    default: return "no such signer"
    }
  }

  private static func nodeProblem(_ subject: Subject) -> String? {
    if subject.organizations != ["system:nodes"] {
      return "subject organization is not system:nodes"
    }
    let prefix = "system:node:"
    guard subject.commonName.hasPrefix(prefix), subject.commonName.count > prefix.count else {
      return "subject common name does not begin with \(prefix)"
    }
    return nil
  }

  private static func match(_ usages: Set<String>, _ purpose: String) -> String? {
    let required: Set<String> = ["digital signature", purpose]
    return usages == required || usages == required.union(["key encipherment"])
      ? nil : "usages did not match \(required.sorted())"
  }
}
