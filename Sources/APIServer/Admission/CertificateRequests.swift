import Foundation
import JSONDocument
import KubernetesAPI
import SwiftASN1
import X509

/// What a CertificateSigningRequest object holds, as far as it can be told without its signer. Pure.
enum CertificateRequests {
  static let client = "kubernetes.io/kube-apiserver-client"
  static let kubeletClient = "kubernetes.io/kube-apiserver-client-kubelet"

  /// The request inside; `nil` where it can't be read.
  static func request(of object: JSONValue) -> CertificateSigningRequest? {
    guard let encoded = object.at("spec", "request")?.stringValue,
      let bytes = Base64.decode(encoded)
    else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let document = try? PEMDocument(pemString: text),
      document.discriminator == "CERTIFICATE REQUEST"
    else { return nil }
    return try? CertificateSigningRequest(derEncoded: document.derBytes)
  }

  /// What is wrong with the request itself.
  static func problems(of object: JSONValue) -> [FieldError] {
    guard let encoded = object.at("spec", "request")?.stringValue else {
      return [.required("spec.request")]
    }
    let text = String(decoding: Base64.decode(encoded) ?? [], as: UTF8.self)
    guard let document = try? PEMDocument(pemString: text),
      document.discriminator == "CERTIFICATE REQUEST"
    else {
      return [
        .invalid("spec.request", .string(encoded), "PEM block type must be CERTIFICATE REQUEST")
      ]
    }
    do {
      _ = try CertificateSigningRequest(derEncoded: document.derBytes)
      return []
    } catch {
      return [.invalid("spec.request", .string(encoded), "\(error)")]
    }
  }

  static func organizations(of request: CertificateSigningRequest) -> [String] {
    request.subject.flatMap { attributes in
      attributes.compactMap { attribute in
        attribute.type == .RDNAttributeType.organizationName ? String(attribute.value) : nil
      }
    }
  }

  /// The conditions of a type.
  static func conditions(_ type: String, of object: JSONValue) -> [JSONValue] {
    (object.at("status", "conditions")?.arrayValue ?? []).filter {
      $0["type"]?.stringValue == type
    }
  }

  /// Takes from `new` only what a subresource may change, and notes when conditions came.
  static func prepareUpdate(
    _ new: inout JSONValue, old: JSONValue, subresource: String, now: String
  ) {
    let status = new["status"]
    var merged = old
    merged["metadata"] = new["metadata"]
    var result = old["status"] ?? [:]
    var conditions = status?["conditions"]?.arrayValue ?? []
    let fixed: [String]
    switch subresource {
    case "approval": fixed = ["Failed"]
    case "status":
      fixed = ["Approved", "Denied"]
      result["certificate"] = status?["certificate"]
    default:
      new = merged
      return
    }
    for type in fixed {
      let before = Self.conditions(type, of: old)
      let places = conditions.indices.filter { conditions[$0]["type"]?.stringValue == type }
      guard before.count == places.count else { continue }
      for (place, condition) in zip(places, before) { conditions[place] = condition }
    }
    for index in conditions.indices {
      for field in ["lastUpdateTime", "lastTransitionTime"] {
        guard conditions[index][field].map(\.isNull) ?? true else { continue }
        let same = (old.at("status", "conditions")?.arrayValue ?? []).first {
          $0["type"] == conditions[index]["type"] && $0["status"] == conditions[index]["status"]
        }
        let time = field == "lastTransitionTime" ? same?[field] : nil
        conditions[index][field] = time ?? .string(now)
      }
    }
    result["conditions"] = conditions.isEmpty ? nil : .array(conditions)
    merged["status"] = result
    new = merged
  }
}

extension Registry {
  /// Nobody becomes an administrator by a certificate.
  func checkCertificateSubject(_ object: JSONValue, _ info: ResourceInfo) throws(APIStatus) {
    guard configuration.isEnabled(AdmissionPlugin.certificateSubjectRestriction),
      object.at("spec", "signerName")?.stringValue == CertificateRequests.client,
      let request = CertificateRequests.request(of: object),
      CertificateRequests.organizations(of: request).contains("system:masters")
    else { return }
    throw .forbidden(
      info.gvr, name: object.name,
      "use of \(CertificateRequests.client) signer with system:masters group is not allowed")
  }

  /// Approving and signing need the right to do so for the signer.
  func checkSigner(
    _ object: JSONValue, old: JSONValue, _ info: ResourceInfo, subresource: String,
    _ context: RequestContext
  ) throws(APIStatus) {
    let verb: String
    switch subresource {
    case "approval":
      guard configuration.isEnabled(AdmissionPlugin.certificateApproval) else { return }
      verb = "approve"
    case "status":
      guard configuration.isEnabled(AdmissionPlugin.certificateSigning),
        object.at("status", "certificate") != old.at("status", "certificate")
          || CertificateRequests.conditions("Failed", of: object)
            != CertificateRequests.conditions("Failed", of: old)
      else { return }
      verb = "sign"
    default: return
    }
    let signer = old.at("spec", "signerName")?.stringValue ?? ""
    let domain = signer.prefix { $0 != "/" }
    for name in [signer, "\(domain)/*"] {
      let question = AccessAttributes(
        user: context.user, verb: verb, group: info.group, resource: "signers", name: name)
      if access?.allows(question) ?? true { return }
    }
    throw .forbidden(
      info.gvr, name: object.name,
      "user not permitted to \(verb) requests with signerName \(GoFormat.quoted(signer))")
  }
}
