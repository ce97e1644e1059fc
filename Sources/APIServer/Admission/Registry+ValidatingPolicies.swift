import JSONDocument
import Keyspace
import KubernetesAPI
import Synchronization

/// Policies and bindings compiled, as long as they stay as they are.
final class PolicyCache: Sendable {
  private struct State {
    var policies: [Key: (revision: Revision, policy: ValidatingPolicy)] = [:]
    var bindings: [Key: (revision: Revision, binding: PolicyBinding)] = [:]
  }

  /// More than clusters have; past it all are compiled anew.
  private static let capacity = 4096
  private let state = Mutex(State())

  func policy(_ entry: Entry) throws(APIStatus) -> ValidatingPolicy {
    let known = state.withLock { $0.policies[entry.key] }
    if let known, known.revision == entry.modRevision { return known.policy }
    let policy = ValidatingPolicy(try ObjectCodec.parse(entry.value, key: entry.key))
    state.withLock { state in
      if state.policies.count >= Self.capacity { state.policies.removeAll() }
      state.policies[entry.key] = (entry.modRevision, policy)
    }
    return policy
  }

  func binding(_ entry: Entry) throws(APIStatus) -> PolicyBinding {
    let known = state.withLock { $0.bindings[entry.key] }
    if let known, known.revision == entry.modRevision { return known.binding }
    let binding = PolicyBinding(try ObjectCodec.parse(entry.value, key: entry.key))
    state.withLock { state in
      if state.bindings.count >= Self.capacity { state.bindings.removeAll() }
      state.bindings[entry.key] = (entry.modRevision, binding)
    }
    return binding
  }
}

extension Registry {
  private static let policyGroup = "admissionregistration.k8s.io"
  private static let bindingPrefix = Key(
    resource: "validatingadmissionpolicybindings", group: policyGroup, namespace: "", name: "")

  /// Judges a write by the ValidatingAdmissionPolicies that are bound.
  ///
  /// - Throws: what the first policy that denies says; by default 422.
  func checkPolicies(
    _ operation: AdmissionAttributes.Operation, _ object: JSONValue?, old: JSONValue?,
    _ info: ResourceInfo, subresource: String = "", _ context: RequestContext
  ) throws(APIStatus) {
    // Nobody may lock the way to the policies themselves.
    guard info.group != Self.policyGroup,
      configuration.isEnabled(AdmissionPlugin.validatingAdmissionPolicy)
    else { return }
    let state = store.current()
    let bindings = state.entries(prefix: Self.bindingPrefix)
    guard !bindings.isEmpty else { return }
    let attributes = try attributes(
      operation, object, old: old, info, subresource: subresource, state, context)
    for entry in bindings {
      let binding = try policies.binding(entry)
      let key = Key(
        resource: "validatingadmissionpolicies", group: Self.policyGroup, namespace: "",
        name: binding.policyName)
      guard let stored = state.get(key) else { continue }
      let policy = try policies.policy(stored)
      guard policy.matches(attributes), binding.matches(attributes) else { continue }
      var findings: [ValidatingPolicy.Finding] = []
      switch parameters(of: policy, binding, attributes, state) {
      case .failure(let problem):
        findings = policy.failure("failed to configure binding: \(problem.message)")
      case .success(let parameters):
        for parameter in parameters {
          findings += policy.evaluate(attributes, parameters: parameter)
        }
      }
      let place = "ValidatingAdmissionPolicy '\(policy.name)' with binding '\(binding.name)'"
      if binding.warns {
        for finding in findings {
          context.warnings.add("Validation failed for \(place): \(finding.message)")
        }
      }
      guard binding.denies, let finding = findings.first else { continue }
      let message = "\(place) denied request: \(finding.message)"
      var status = APIStatus.forbidden(info.gvr, name: attributes.name, message)
      status.reason = finding.reason
      status.code = Self.code(of: finding.reason)
      status.causes = [APIStatus.Cause(reason: "", message: message, field: "")]
      throw status
    }
  }

  private static func code(of reason: String) -> Int {
    switch reason {
    case "Unauthorized": 401
    case "Forbidden": 403
    case "RequestEntityTooLarge": 413
    default: 422
    }
  }

  private func attributes(
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
      namespaceObject: namespaceObject)
  }

  private struct ParameterProblem: Error { var message: String }

  /// The objects that parametrize a policy; one `nil` for a policy without any.
  private func parameters(
    of policy: ValidatingPolicy, _ binding: PolicyBinding, _ attributes: AdmissionAttributes,
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
