import JSONDocument

extension Validation.Checker {
  private static let usages = [
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign",
    "data encipherment", "decipher only", "digital signature", "email protection",
    "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement",
    "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth",
    "signing", "timestamping",
  ]
  private static let legacySigner = "kubernetes.io/legacy-unknown"
  private static let finalConditions = ["Approved", "Denied", "Failed"]

  /// What a CertificateSigningRequest asks for; the request inside is for those who can read it.
  mutating func certificateSigningRequest() {
    let spec = object["spec"]
    let usages = spec?["usages"]?.arrayValue ?? []
    if usages.isEmpty { add(.required("spec.usages")) }
    for (index, usage) in usages.enumerated() {
      let field = "spec.usages[\(index)]"
      if !Self.usages.contains(usage.stringValue ?? "") {
        add(.notSupported(field, usage, Self.usages))
      }
      if usages[..<index].contains(usage) { add(.duplicate(field, usage)) }
    }
    let signer = spec?["signerName"]?.stringValue ?? ""
    if signer == Self.legacySigner, isCreate {
      add(
        .invalid(
          "spec.signerName", .string(signer),
          "the legacy signerName is not allowed via this API version"))
    } else {
      signerName(signer, "spec.signerName")
    }
    if let seconds = spec?["expirationSeconds"]?.intValue, seconds < 600 {
      add(
        .invalid(
          "spec.expirationSeconds", .int(seconds),
          "may not specify a duration less than 600 seconds (10 minutes)"))
    }
    certificateConditions()
    certificateContent()
  }

  /// A domain and a path, e.g. `example.com/signer`.
  private mutating func signerName(_ name: String, _ field: String) {
    if name.isEmpty { return add(.required(field)) }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      add(
        .invalid(
          field, .string(name),
          "must be a fully qualified domain and path of the form 'example.com/signer-name'"))
      return
    }
    let labels = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if labels.count < 2 {
      add(
        .invalid(
          field, .string(parts[0]),
          "should be a domain with at least two segments separated by dots"))
    }
    for label in labels {
      for problem in NameRules.dns1123Label(label) {
        add(.invalid(field, .string(parts[0]), "validating label \"\(label)\": \(problem)"))
      }
    }
    for label in parts[1].split(separator: ".", omittingEmptySubsequences: false).map(String.init) {
      for problem in NameRules.dns1123Subdomain(label) {
        add(.invalid(field, .string(parts[1]), "validating label \"\(label)\": \(problem)"))
      }
    }
    if name.utf8.count > 571 { add(.tooLong(field, maximumBytes: 571)) }
  }

  private mutating func certificateConditions() {
    var seen: Set<String> = []
    var isApproved = false
    var isDenied = false
    for (index, condition) in (object.at("status", "conditions")?.arrayValue ?? []).enumerated() {
      let field = "status.conditions[\(index)]"
      let type = condition["type"]?.stringValue ?? ""
      let status = condition["status"]?.stringValue ?? ""
      if type.isEmpty { add(.required("\(field).type")) }
      let allowed = Self.finalConditions.contains(type) ? ["True"] : ["True", "False", "Unknown"]
      if status.isEmpty {
        add(.required("\(field).status"))
      } else if !allowed.contains(status) {
        add(.notSupported("\(field).status", .string(status), allowed))
      }
      if type == "Approved" { isApproved = true }
      if type == "Denied" { isDenied = true }
      if (type == "Approved" || type == "Denied") && isApproved && isDenied {
        add(
          .invalid(
            "status.conditions", .string(type),
            "Approved and Denied conditions are mutually exclusive"))
      }
      if !seen.insert(type).inserted { add(.duplicate("\(field).type", .string(type))) }
    }
  }

  private mutating func certificateContent() {
    guard let encoded = object.at("status", "certificate")?.stringValue, !encoded.isEmpty else {
      return
    }
    let text = String(decoding: Base64.decode(encoded) ?? [], as: UTF8.self)
    func refuse(_ detail: String) {
      add(.invalid("status.certificate", "<certificate data>", detail))
    }
    let begins = text.split(separator: "\n").filter { $0.hasPrefix("-----BEGIN ") }
    if begins.isEmpty {
      refuse("must contain at least one CERTIFICATE PEM block")
    } else if let wrong = begins.first(where: { !$0.hasPrefix("-----BEGIN CERTIFICATE-----") }) {
      let type = wrong.dropFirst("-----BEGIN ".count).prefix { $0 != "-" }
      refuse("only CERTIFICATE PEM blocks are allowed, found \"\(type)\"")
    }
  }

  /// - Parameter subresource: `approval` or `status`; empty for the object, which changes neither.
  mutating func certificateSigningRequestUpdate(_ old: JSONValue, subresource: String) {
    func conditions(_ object: JSONValue, _ type: String) -> [JSONValue] {
      (object.at("status", "conditions")?.arrayValue ?? []).filter {
        $0["type"]?.stringValue == type
      }
    }
    for type in Self.finalConditions
    where conditions(object, type).count < conditions(old, type).count {
      add(
        .forbidden(
          "status.conditions", "updates may not remove a condition of type \"\(type)\""))
    }
    if subresource != "approval" {
      for type in ["Approved", "Denied"] {
        let (before, after) = (conditions(old, type), conditions(object, type))
        if after.count > before.count {
          add(
            .forbidden(
              "status.conditions", "updates may not add a condition of type \"\(type)\""))
        } else if after.count == before.count, after != before {
          add(
            .forbidden(
              "status.conditions", "updates may not modify a condition of type \"\(type)\""))
        }
      }
    }
    let before = old.at("status", "certificate")?.stringValue ?? ""
    let after = object.at("status", "certificate")?.stringValue ?? ""
    if subresource == "status" {
      if !before.isEmpty, before != after {
        add(
          .forbidden(
            "status.certificate", "updates may not modify existing certificate content"))
      }
    } else if before != after {
      add(.forbidden("status.certificate", "updates may not set certificate content"))
    }
  }
}
