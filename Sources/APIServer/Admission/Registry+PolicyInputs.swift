import JSONDocument
import Keyspace
import KubernetesAPI

// What admission policies of both kinds look at.
extension Registry {
  static let policyGroup = "admissionregistration.k8s.io"

  func admissionAttributes(
    _ operation: AdmissionAttributes.Operation, _ object: JSONValue?, old: JSONValue?,
    _ info: ResourceInfo, subresource: String, _ state: any KeyspaceReader,
    _ context: RequestContext
  ) throws(APIStatus) -> AdmissionAttributes {
    let subject = object ?? old ?? .null
    var kind = TypeInfo.GroupVersionKind(
      group: info.group, version: info.version, kind: info.kind)
    var (new, before) = (object, old)
    if subresource == "scale", let scale = info.subresource("scale") {
      kind = TypeInfo.GroupVersionKind(
        group: scale.group, version: scale.version, kind: scale.kind)
      if let object { new = try Scale.of(object, info, needsReplicas: false) }
      if let old { before = try Scale.of(old, info, needsReplicas: false) }
    }
    let namespace = info.namespaced ? subject.namespace : ""
    var namespaceObject: JSONValue?
    if !namespace.isEmpty {
      let key = Key(resource: "namespaces", group: "", namespace: "", name: namespace)
      if let entry = state.get(key) {
        namespaceObject = try ObjectCodec.parse(entry.value, key: key)
      }
    }
    return AdmissionAttributes(
      operation: operation, resource: info.gvr, kind: kind, subresource: subresource,
      namespace: namespace, name: subject.name, isDryRun: context.dryRun,
      user: RequestDispatcher.describe(context.user), object: new, oldObject: before,
      namespaceObject: namespaceObject, authorizer: authorizer(of: context.user))
  }

  private func authorizer(of user: UserInfo) -> @Sendable (AccessQuestion) -> AccessAnswer {
    { [access] question in
      var subject = user
      if let account = question.serviceAccount {
        subject = UserInfo(
          name: "system:serviceaccount:\(account.namespace):\(account.name)",
          groups: [
            "system:serviceaccounts", "system:serviceaccounts:\(account.namespace)",
            "system:authenticated",
          ])
      }
      let attributes =
        question.path.map { AccessAttributes(user: subject, verb: question.verb, path: $0) }
        ?? AccessAttributes(
          user: subject, verb: question.verb, group: question.group, resource: question.resource,
          subresource: question.subresource, namespace: question.namespace, name: question.name)
      let decision = access?.decide(attributes) ?? .allowed
      return AccessAnswer(isAllowed: decision.isAllowed, reason: decision.reason)
    }
  }

  struct ParameterProblem: Error { var message: String }

  /// The objects that parametrize a policy; one `nil` for a policy without any.
  func parameters(
    of policy: PolicyHead, _ binding: PolicyBinding, _ attributes: AdmissionAttributes,
    _ state: any KeyspaceReader
  ) -> Result<[JSONValue?], ParameterProblem> {
    guard let kind = policy.parameterKind, let reference = binding.parameters else {
      return .success([nil])
    }
    let parts = kind.apiVersion.split(separator: "/", maxSplits: 1).map(String.init)
    let (group, version) = parts.count == 2 ? (parts[0], parts[1]) : ("", kind.apiVersion)
    let info =
      catalogue.resource(group: group, version: version, kind: kind.kind)
      ?? customResources.current().resources(group: group, version: version)
      .first { $0.kind == kind.kind }
    guard let info else {
      return .failure(
        ParameterProblem(
          message: "failed to find resource referenced by paramKind: "
            + "'\(kind.apiVersion), Kind=\(kind.kind)'"))
    }
    var namespace: String?
    if info.namespaced {
      let name = reference.namespace.isEmpty ? attributes.namespace : reference.namespace
      guard !name.isEmpty else {
        return .failure(
          ParameterProblem(
            message: "cannot use namespaced paramRef in policy binding that matches "
              + "cluster-scoped resources"))
      }
      namespace = name
    }
    let entries =
      reference.name.isEmpty
      ? state.entries(prefix: prefix(info, namespace: namespace))
      : [state.get(key(info, namespace: namespace, name: reference.name))].compactMap { $0 }
    let objects = entries.compactMap { entry -> JSONValue? in
      guard let object = try? served(StoredObject(entry), info).value() else { return nil }
      let isSelected =
        reference.selector?.matches(object.at("metadata", "labels")?.objectValue) ?? true
      return isSelected ? object : nil
    }
    if objects.isEmpty, reference.areNeeded {
      return .failure(
        ParameterProblem(
          message: "no params found for policy binding with `Deny` parameterNotFoundAction"))
    }
    return .success(objects)
  }
}
