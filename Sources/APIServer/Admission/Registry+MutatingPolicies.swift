import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  private static let mutatingBindingPrefix = Key(
    resource: "mutatingadmissionpolicybindings", group: policyGroup, namespace: "", name: "")

  /// A policy by a binding and one of its parameters.
  private struct Invocation {
    var policy: MutatingPolicy
    var binding: PolicyBinding
    var parameters: JSONValue?
  }

  /// Changes an object by the MutatingAdmissionPolicies that are bound, in the order of their
  /// bindings' names; those that ask for it look again where a later one changed something.
  ///
  /// - Throws: 403 with every policy that could not do its work and may not be ignored.
  func mutateByPolicies(
    _ operation: AdmissionAttributes.Operation, _ object: inout JSONValue, old: JSONValue?,
    _ info: ResourceInfo, subresource: String = "", _ context: RequestContext
  ) throws(APIStatus) {
    guard info.group != Self.policyGroup, subresource != "scale",
      configuration.isEnabled(AdmissionPlugin.mutatingAdmissionPolicy)
    else { return }
    let state = store.current()
    let bindings = state.entries(prefix: Self.mutatingBindingPrefix)
    guard !bindings.isEmpty else { return }
    // Who owns what is no business of policies.
    let managedFields = object.at("metadata", "managedFields")
    object.set(nil, at: "metadata", "managedFields")
    defer { object.set(managedFields, at: "metadata", "managedFields") }
    var attributes = try admissionAttributes(
      operation, object, old: old, info, subresource: subresource, state, context)
    var failures: [String] = []
    let invocations = try invocations(bindings, attributes, state, &failures)
    guard !invocations.isEmpty || !failures.isEmpty else { return }

    let schema =
      info.custom?.fieldManager(subresource: "").applySchema
      ?? catalogue.applySchema(ofType: info.typeName)
    var pending = Array(invocations.indices)
    for _ in 0..<2 {
      // Those that want to look again at what comes after them, and those that have cause to.
      var waiting: [Int] = []
      var again: Set<Int> = []
      for index in pending {
        let invocation = invocations[index]
        let outcome = invocation.policy.mutate(
          attributes, parameters: invocation.parameters, schema: schema
        ) { Self.completed($0, like: object, info) }
        if !invocation.policy.head.ignoresFailures {
          failures += outcome.problems.map { Self.failure(invocation, $0) }
        }
        guard outcome.isInvoked else { continue }
        if outcome.object != attributes.object {
          again.formUnion(waiting)
          waiting = []
          attributes.object = outcome.object
        }
        if invocation.policy.isReinvoked { waiting.append(index) }
      }
      pending = again.sorted()
    }
    if let first = failures.first {
      var status = APIStatus.forbidden(info.gvr, name: attributes.name, "")
      status.message = first
      status.reason = "Invalid"
      status.causes = failures.map { APIStatus.Cause(reason: "", message: $0, field: "") }
      throw status
    }
    object = attributes.object ?? object
  }

  private static func failure(_ invocation: Invocation, _ problem: String) -> String {
    failure(invocation.policy.head.name, invocation.binding.name, problem)
  }

  private static func failure(_ policy: String, _ binding: String, _ problem: String) -> String {
    "policy '\(policy)' with binding '\(binding)' denied request: \(problem)"
  }

  private func invocations(
    _ bindings: [Entry], _ attributes: AdmissionAttributes, _ state: any KeyspaceReader,
    _ failures: inout [String]
  ) throws(APIStatus) -> [Invocation] {
    var found: [Invocation] = []
    for entry in bindings {
      let binding = try policies.bindings.value(of: entry)
      let key = Key(
        resource: "mutatingadmissionpolicies", group: Self.policyGroup, namespace: "",
        name: binding.policyName)
      guard let stored = state.get(key) else { continue }
      let policy = try policies.mutating.value(of: stored)
      guard policy.head.matches(attributes), binding.matches(attributes) else { continue }
      switch parameters(of: policy.head, binding, attributes, state) {
      case .failure(let problem):
        if policy.head.ignoresFailures { continue }
        failures.append(
          Self.failure(
            policy.head.name, binding.name, "failed to configure binding: \(problem.message)"))
      case .success(let parameters):
        found += parameters.map {
          Invocation(policy: policy, binding: binding, parameters: $0)
        }
      }
    }
    return found
  }

  /// What a mutation leaves, with defaults and nothing that the type does not know.
  static func completed(
    _ changed: JSONValue, like object: JSONValue, _ info: ResourceInfo
  ) -> Result<JSONValue, MutationProblem> {
    guard changed.objectValue != nil else {
      return .failure(MutationProblem("the mutation does not leave an object"))
    }
    var changed = changed
    let findings = FieldValidation.prune(&changed, resource: info)
    if let mismatch = findings.mismatch {
      let status = FieldValidation.decodingError(mismatch, resource: info)
      return .failure(MutationProblem(status.message))
    }
    // What the object is stays.
    for name in ["kind", "apiVersion"] { changed[name] = object[name] }
    for name in [
      "name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp",
      "generation", "deletionTimestamp", "deletionGracePeriodSeconds",
    ] {
      changed.set(object.at("metadata", name), at: "metadata", name)
    }
    Defaulting.apply(to: &changed, resource: info)
    return .success(changed)
  }
}
