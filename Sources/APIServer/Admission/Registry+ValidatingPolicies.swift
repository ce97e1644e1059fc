import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
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
    let attributes = try admissionAttributes(
      operation, object, old: old, info, subresource: subresource, state, context)
    for entry in bindings {
      let binding = try policies.bindings.value(of: entry)
      let key = Key(
        resource: "validatingadmissionpolicies", group: Self.policyGroup, namespace: "",
        name: binding.policyName)
      guard let stored = state.get(key) else { continue }
      let policy = try policies.validating.value(of: stored)
      guard policy.head.matches(attributes), binding.matches(attributes) else { continue }
      var findings: [ValidatingPolicy.Finding] = []
      switch parameters(of: policy.head, binding, attributes, state) {
      case .failure(let problem):
        findings = policy.failure("failed to configure binding: \(problem.message)")
      case .success(let parameters):
        for parameter in parameters {
          findings += policy.evaluate(attributes, parameters: parameter)
        }
      }
      let place = "ValidatingAdmissionPolicy '\(policy.head.name)' with binding '\(binding.name)'"
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
}
