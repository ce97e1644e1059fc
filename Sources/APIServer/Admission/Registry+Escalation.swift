import JSONDocument
import KubernetesAPI

extension Registry {
  private static let roleKinds: Set<String> = [
    "roles", "clusterroles", "rolebindings", "clusterrolebindings",
  ]

  /// Nobody hands out more than they hold: neither by writing a role, nor by binding one.
  func checkEscalation(
    of object: JSONValue, old: JSONValue?, _ info: ResourceInfo, _ context: RequestContext
  ) throws(APIStatus) {
    guard info.group == Authorizer.group, Self.roleKinds.contains(info.resource), let access,
      !context.user.isMaster
    else { return }
    // The garbage collector may let go of what it could not have made.
    if let old, Self.differOnlyInOwnership(object, old) { return }
    let isCluster = info.resource.hasPrefix("cluster")
    let namespace = isCluster ? "" : object.namespace
    func mayDo(_ verb: String, _ resource: String, _ name: String) -> Bool {
      access.allows(
        AccessAttributes(
          user: context.user, verb: verb, group: Authorizer.group, resource: resource,
          namespace: namespace, name: name))
    }
    let wanted: [PolicyRule]
    if info.resource.hasSuffix("roles") {
      if mayDo("escalate", info.resource, object.name) { return }
      wanted = PolicyRule.rules(of: object)
    } else {
      let role = AccessPolicy.role(of: object)
      let resource = role.kind == "ClusterRole" ? "clusterroles" : "roles"
      if mayDo("bind", resource, role.name) { return }
      guard let rules = access.rules(of: role) else {
        throw .notFound(
          GroupVersionResource(group: Authorizer.group, resource: resource), name: role.name)
      }
      wanted = rules
    }
    let held = access.rules(for: context.user, namespace: namespace)
    let missing = RuleCoverage.missing(wanted, from: held)
    guard missing.isEmpty else {
      throw .forbidden(
        info.gvr, name: object.name, RuleCoverage.refusal(missing, user: context.user))
    }
    // What a union collects can't be told in advance.
    let isUnion = [object, old].contains { $0?["aggregationRule"].map { !$0.isNull } ?? false }
    guard isUnion, !RuleCoverage.missing(PolicyRule.everything, from: held).isEmpty else { return }
    throw .forbidden(
      info.gvr, name: object.name,
      "must have cluster-admin privileges to use the aggregationRule")
  }

  /// Whether a change is one of finalizers and owners alone.
  private static func differOnlyInOwnership(_ new: JSONValue, _ old: JSONValue) -> Bool {
    func rest(_ object: JSONValue) -> JSONValue {
      var object = object
      for field in ["finalizers", "ownerReferences", "managedFields", "resourceVersion"] {
        object.set(nil, at: "metadata", field)
      }
      return object
    }
    return rest(new) == rest(old)
  }
}
