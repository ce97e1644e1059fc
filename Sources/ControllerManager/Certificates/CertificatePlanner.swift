import JSONDocument
import KubernetesAPI
import KubernetesClient

/// What is to be done with a CertificateSigningRequest. Pure.
enum CertificatePlanner {
  enum State: Sendable { case pending, approved, finished }

  /// How long requests are kept, in seconds. Upstream's numbers.
  static let pendingSeconds: Int64 = 24 * 3600
  static let decidedSeconds: Int64 = 3600

  static func state(of object: JSONValue) -> State {
    let status = object["status"]
    if Conditions.isTrue("Denied", in: status) || Conditions.isTrue("Failed", in: status)
      || !(status?["certificate"]?.stringValue ?? "").isEmpty
    {
      return .finished
    }
    return Conditions.isTrue("Approved", in: status) ? .approved : .pending
  }

  /// The rights by which a kubelet's request may be approved, the narrower first.
  static func approvals(_ object: JSONValue, _ subject: SignerPolicy.Subject)
    -> [(subresource: String, message: String)]
  {
    let signer = object.at("spec", "signerName")?.stringValue ?? ""
    let usages = Set((object.at("spec", "usages")?.arrayValue ?? []).compactMap(\.stringValue))
    guard signer == SignerPolicy.kubeletClient,
      SignerPolicy.problem(signer, subject, usages: usages) == nil
    else { return [] }
    var result: [(String, String)] = []
    if object.at("spec", "username")?.stringValue == subject.commonName {
      result.append(
        (
          "selfnodeclient",
          "Auto approving self kubelet client certificate after SubjectAccessReview."
        ))
    }
    result.append(
      ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."))
    return result
  }

  /// Whether whoever asked for a certificate may have it approved.
  static func question(_ object: JSONValue, subresource: String) -> JSONValue {
    let spec = object["spec"]
    var question: JSONValue = [
      "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
      "spec": [
        "user": spec?["username"] ?? "",
        "resourceAttributes": [
          "group": "certificates.k8s.io", "resource": "certificatesigningrequests",
          "verb": "create", "subresource": .string(subresource),
        ],
      ],
    ]
    for field in ["groups", "uid", "extra"] {
      if let value = spec?[field] { question.set(value, at: "spec", field) }
    }
    return question
  }

  static func adding(
    _ type: String, reason: String, message: String, to object: JSONValue, now: String
  ) -> JSONValue {
    var conditions = object.at("status", "conditions")?.arrayValue ?? []
    conditions.append([
      "type": .string(type), "status": "True", "reason": .string(reason),
      "message": .string(message), "lastUpdateTime": .string(now),
      "lastTransitionTime": .string(now),
    ])
    var updated = object
    updated.set(.array(conditions), at: "status", "conditions")
    return updated
  }

  /// Whether a request has been lying about for long enough, or its certificate is of no use.
  static func isStale(_ object: JSONValue, nowSeconds: Int64) -> Bool {
    func age(_ text: String?) -> Int64? {
      text.flatMap { Timestamp(parsing: $0) }.map { nowSeconds - $0.seconds }
    }
    let status = object["status"]
    for type in ["Denied", "Failed"] where Conditions.isTrue(type, in: status) {
      let condition = Conditions.find(type, in: status)
      return (age(condition?["lastUpdateTime"]?.stringValue) ?? 0) > decidedSeconds
    }
    let certificate = status?["certificate"]?.stringValue ?? ""
    if !certificate.isEmpty {
      let text = String(decoding: Base64.decode(certificate) ?? [], as: UTF8.self)
      if let end = CertificateIssuer.end(ofPEM: text), end < nowSeconds { return true }
      let approved = Conditions.find("Approved", in: status)
      return (age(approved?["lastUpdateTime"]?.stringValue) ?? 0) > decidedSeconds
    }
    let created = age(object.at("metadata", "creationTimestamp")?.stringValue) ?? 0
    return created > pendingSeconds
  }
}
