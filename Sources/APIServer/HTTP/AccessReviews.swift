import JSONDocument
import KubernetesAPI

/// The questions of authorization.k8s.io: what is wrong with one, and what it asks. Pure.
enum AccessReviews {
  private static let group = "authorization.k8s.io"

  /// - Parameter namespace: of a LocalSubjectAccessReview; nil for the others.
  static func problems(_ review: JSONValue, hasSubject: Bool, namespace: String?) -> [FieldError] {
    var errors: [FieldError] = []
    let spec = review["spec"]
    let resource = spec?["resourceAttributes"].flatMap { $0.isNull ? nil : $0 }
    let path = spec?["nonResourceAttributes"].flatMap { $0.isNull ? nil : $0 }
    if let resource { errors += selectorProblems(resource) }
    if resource != nil, let path {
      errors.append(
        .invalid(
          "spec.nonResourceAttributes", goAttributes(path),
          "cannot be specified in combination with resourceAttributes"))
    }
    if resource == nil, path == nil {
      errors.append(
        .invalid(
          "spec.resourceAttributes", .null,
          "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
    }
    if hasSubject, (spec?["user"]?.stringValue ?? "").isEmpty,
      spec?.strings("groups").isEmpty ?? true
    {
      errors.append(
        .invalid("spec.user", "", "at least one of user or group must be specified"))
    }
    var metadata = review["metadata"]?.objectValue ?? [:]
    for name in ["managedFields", "creationTimestamp"] { metadata[name] = nil }
    if let namespace {
      metadata["namespace"] = nil
      let own = resource?["namespace"]?.stringValue ?? ""
      if resource != nil, own != namespace {
        errors.append(
          .invalid(
            "spec.resourceAttributes.namespace", .string(own), "must match metadata.namespace"))
      }
      if let path {
        errors.append(
          .invalid(
            "spec.nonResourceAttributes", goAttributes(path),
            "disallowed on this kind of request"))
      }
    }
    if metadata.contains(where: { !$0.1.isNull && $0.1 != "" && $0.1 != [:] && $0.1 != [] }) {
      errors.append(
        .invalid(
          "metadata", review["metadata"],
          namespace == nil ? "must be empty" : "must be empty except for namespace"))
    }
    return errors
  }

  /// Path attributes as Go's type has them.
  private static func goAttributes(_ path: JSONValue) -> JSONValue {
    ["Path": path["path"] ?? "", "Verb": path["verb"] ?? ""]
  }

  private static func selectorProblems(_ resource: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for name in ["fieldSelector", "labelSelector"] {
      guard let selector = resource[name], !selector.isNull else { continue }
      let field = "spec.resourceAttributes.\(name)"
      let raw = selector["rawSelector"]?.stringValue ?? ""
      let requirements = selector["requirements"]?.arrayValue ?? []
      if !raw.isEmpty, !requirements.isEmpty {
        errors.append(
          .invalid(
            "\(field).rawSelector", .string(raw),
            "may not specified at the same time as requirements"))
      }
      if raw.isEmpty, requirements.isEmpty {
        errors.append(
          .required(
            "\(field).requirements",
            "when \(field) is specified, requirements or rawSelector is required"))
      }
      for (index, requirement) in requirements.enumerated() {
        let place = "\(field).requirements[\(index)]"
        if (requirement["key"]?.stringValue ?? "").isEmpty {
          errors.append(.required("\(place).key", "must be specified"))
        }
        let values = requirement["values"]?.arrayValue ?? []
        switch requirement["operator"]?.stringValue {
        case "In", "NotIn":
          if values.isEmpty {
            errors.append(
              .required("\(place).values", "must be specified when `operator` is 'In' or 'NotIn'"))
          }
        case "Exists", "DoesNotExist":
          if !values.isEmpty {
            errors.append(
              .forbidden(
                "\(place).values",
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
          }
        default: break
        }
      }
    }
    return errors
  }

  /// The refusal of a review that asks wrongly; upstream names no kind in it.
  static func invalid(_ errors: [FieldError]) -> APIStatus {
    APIStatus.invalid(kind: "", group: group, name: "", errors: errors)
  }

  /// Whom a review is about.
  static func subject(_ review: JSONValue) -> UserInfo {
    let spec = review["spec"]
    var subject = UserInfo(
      name: spec?["user"]?.stringValue ?? "", uid: spec?["uid"]?.stringValue ?? "",
      groups: spec?.strings("groups") ?? [])
    for (key, values) in spec?["extra"]?.objectValue ?? [:] {
      subject.extra[key] = values.arrayValue?.compactMap(\.stringValue) ?? []
    }
    return subject
  }

  static func attributes(_ review: JSONValue, user: UserInfo) -> AccessAttributes {
    if let resource = review.at("spec", "resourceAttributes"), !resource.isNull {
      func text(_ name: String) -> String { resource[name]?.stringValue ?? "" }
      var access = AccessAttributes(
        user: user, verb: text("verb"), group: text("group"), resource: text("resource"),
        subresource: text("subresource"), namespace: text("namespace"), name: text("name"))
      for requirement in resource.at("fieldSelector", "requirements")?.arrayValue ?? []
      where requirement["operator"]?.stringValue == "In" {
        let values = requirement.strings("values")
        if let key = requirement["key"]?.stringValue, values.count == 1 {
          access.selectedFields[key] = values[0]
        }
      }
      return access
    }
    let path = review.at("spec", "nonResourceAttributes")
    return AccessAttributes(
      user: user, verb: path?["verb"]?.stringValue ?? "", path: path?["path"]?.stringValue ?? "")
  }

  /// What of a review can't be understood and is left out of the answer.
  static func evaluationError(_ review: JSONValue) -> String? {
    let resource = review.at("spec", "resourceAttributes")
    var problems: [String] = []
    for name in ["fieldSelector", "labelSelector"] {
      guard let selector = resource?[name], !selector.isNull else { continue }
      if !isReadable(selector, isFields: name == "fieldSelector") {
        problems.append("spec.resourceAttributes.\(name) ignored due to parse error")
      }
    }
    if problems.isEmpty { return nil }
    return problems.count == 1 ? problems[0] : "[\(problems.joined(separator: ", "))]"
  }

  private static func isReadable(_ selector: JSONValue, isFields: Bool) -> Bool {
    if let raw = selector["rawSelector"]?.stringValue, !raw.isEmpty {
      guard isFields else { return (try? LabelSelector(parsing: raw)) != nil }
      return raw.split(separator: ",").allSatisfy { $0.contains("=") }
    }
    return (selector["requirements"]?.arrayValue ?? []).allSatisfy { requirement in
      ["In", "NotIn", "Exists", "DoesNotExist"].contains(
        requirement["operator"]?.stringValue ?? "")
    }
  }
}
