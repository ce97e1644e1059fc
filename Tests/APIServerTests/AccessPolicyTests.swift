import JSONDocument
import Testing

@testable import APIServer

@Suite struct AccessPolicyTests {
  private func role(_ name: String, namespace: String = "", _ rules: JSONValue) -> JSONValue {
    var metadata: JSONValue = ["name": .string(name)]
    if !namespace.isEmpty { metadata["namespace"] = .string(namespace) }
    return ["metadata": metadata, "rules": rules]
  }

  private func binding(
    _ name: String, namespace: String = "", _ kind: String, _ role: String, _ subjects: JSONValue
  ) -> JSONValue {
    var metadata: JSONValue = ["name": .string(name)]
    if !namespace.isEmpty { metadata["namespace"] = .string(namespace) }
    return [
      "metadata": metadata, "subjects": subjects,
      "roleRef": ["kind": .string(kind), "name": .string(role)],
    ]
  }

  private func policy() -> AccessPolicy {
    var policy = AccessPolicy()
    policy.add(
      role: role(
        "reader",
        [
          ["verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/log"]],
          ["verbs": ["get"], "nonResourceURLs": ["/metrics", "/debug/*"]],
        ]), isCluster: true)
    policy.add(
      role: role(
        "one", namespace: "a",
        [
          [
            "verbs": ["*"], "apiGroups": ["*"], "resources": ["secrets"],
            "resourceNames": ["mine"],
          ]
        ]), isCluster: false)
    policy.add(
      binding: binding("all", "ClusterRole", "reader", [["kind": "Group", "name": "readers"]]))
    policy.add(
      binding: binding(
        "one", namespace: "a", "Role", "one",
        [["kind": "User", "name": "ann"], ["kind": "ServiceAccount", "name": "robot"]]))
    policy.add(
      binding: binding(
        "lost", namespace: "a", "Role", "nowhere", [["kind": "User", "name": "bob"]]))
    return policy
  }

  struct Question: Sendable, CustomTestStringConvertible {
    var user: String
    var groups: [String] = []
    var verb: String
    var resource = ""
    var subresource = ""
    var namespace = ""
    var name = ""
    var path = ""
    var isAllowed: Bool
    var testDescription: String { "\(user) \(verb) \(resource)\(path) \(name)" }
  }

  @Test(arguments: [
    Question(
      user: "x", groups: ["readers"], verb: "get", resource: "pods", namespace: "any",
      isAllowed: true),
    Question(user: "x", groups: ["readers"], verb: "list", resource: "pods", isAllowed: true),
    Question(user: "x", verb: "list", resource: "pods", isAllowed: false),
    Question(
      user: "x", groups: ["readers"], verb: "delete", resource: "pods", isAllowed: false),
    Question(
      user: "x", groups: ["readers"], verb: "get", resource: "pods", subresource: "exec",
      isAllowed: false),
    Question(
      user: "x", groups: ["readers"], verb: "get", resource: "pods", subresource: "log",
      isAllowed: true),
    Question(user: "x", groups: ["readers"], verb: "get", path: "/metrics", isAllowed: true),
    Question(user: "x", groups: ["readers"], verb: "get", path: "/debug/a", isAllowed: true),
    Question(user: "x", groups: ["readers"], verb: "get", path: "/metrics/a", isAllowed: false),
    Question(
      user: "ann", verb: "get", resource: "secrets", namespace: "a", name: "mine",
      isAllowed: true),
    Question(
      user: "ann", verb: "get", resource: "secrets", namespace: "a", name: "other",
      isAllowed: false),
    Question(
      user: "ann", verb: "list", resource: "secrets", namespace: "a", isAllowed: false),
    Question(
      user: "ann", verb: "get", resource: "secrets", namespace: "b", name: "mine",
      isAllowed: false),
    Question(
      user: "system:serviceaccount:a:robot", verb: "get", resource: "secrets", namespace: "a",
      name: "mine", isAllowed: true),
    Question(
      user: "system:serviceaccount:b:robot", verb: "get", resource: "secrets", namespace: "a",
      name: "mine", isAllowed: false),
  ])
  func rulesAndBindings(_ question: Question) {
    let user = UserInfo(name: question.user, groups: question.groups)
    let access =
      question.path.isEmpty
      ? AccessAttributes(
        user: user, verb: question.verb, group: "", resource: question.resource,
        subresource: question.subresource, namespace: question.namespace, name: question.name)
      : AccessAttributes(user: user, verb: question.verb, path: question.path)
    #expect(policy().allows(access) == question.isAllowed)
    #expect(policy().decide(access).isAllowed == question.isAllowed)
  }

  @Test func decisionsSayWhy() {
    let ann = AccessAttributes(
      user: UserInfo(name: "ann"), verb: "get", group: "", resource: "secrets", namespace: "a",
      name: "mine")
    #expect(
      policy().decide(ann).reason
        == "RBAC: allowed by RoleBinding \"one/a\" of Role \"one\" to User \"ann\"")
    let bob = AccessAttributes(
      user: UserInfo(name: "bob"), verb: "get", group: "", resource: "pods", namespace: "a")
    #expect(
      policy().decide(bob)
        == .refused("RBAC: role.rbac.authorization.k8s.io \"nowhere\" not found"))
  }

  struct Coverage: Sendable {
    var held: PolicyRule
    var wanted: PolicyRule
    var isCovered: Bool
  }

  @Test(arguments: [
    Coverage(
      held: PolicyRule(verbs: ["get", "list"], groups: [""], resources: ["pods"]),
      wanted: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"]), isCovered: true),
    Coverage(
      held: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"]),
      wanted: PolicyRule(verbs: ["*"], groups: [""], resources: ["pods"]), isCovered: false),
    Coverage(
      held: PolicyRule(verbs: ["*"], groups: ["*"], resources: ["*"]),
      wanted: PolicyRule(verbs: ["*"], groups: ["x"], resources: ["a/b"], names: ["c"]),
      isCovered: true),
    Coverage(
      held: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"], names: ["a"]),
      wanted: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"]), isCovered: false),
    Coverage(
      held: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"], names: ["a", "b"]),
      wanted: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"], names: ["b"]),
      isCovered: true),
    Coverage(
      held: PolicyRule(verbs: ["get"], groups: [""], resources: ["*/scale"]),
      wanted: PolicyRule(verbs: ["get"], groups: [""], resources: ["x/scale"]), isCovered: true),
    Coverage(
      held: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"]),
      wanted: PolicyRule(verbs: ["get"], groups: [""], resources: ["pods/log"]),
      isCovered: false),
    Coverage(
      held: PolicyRule(verbs: ["get"], paths: ["/a/*"]),
      wanted: PolicyRule(verbs: ["get"], paths: ["/a/b"]), isCovered: true),
    Coverage(
      held: PolicyRule(verbs: ["*"], groups: ["*"], resources: ["*"]),
      wanted: PolicyRule(verbs: ["get"], paths: ["/a"]), isCovered: false),
  ])
  func whoHoldsWhatMayHandItOut(_ coverage: Coverage) {
    #expect(
      RuleCoverage.missing([coverage.wanted], from: [coverage.held]).isEmpty
        == coverage.isCovered)
  }

  @Test func severalRulesCoverOneTogether() {
    let held = [
      PolicyRule(verbs: ["get"], groups: [""], resources: ["pods"]),
      PolicyRule(verbs: ["list"], groups: [""], resources: ["pods", "nodes"]),
    ]
    let wanted = PolicyRule(verbs: ["get", "list"], groups: [""], resources: ["pods", "nodes"])
    let missing = RuleCoverage.missing([wanted], from: held)
    #expect(missing == [PolicyRule(verbs: ["get"], groups: [""], resources: ["nodes"])])
    #expect(
      RuleCoverage.refusal(missing, user: UserInfo(name: "u", groups: ["a", "b"]))
        == "user \"u\" (groups=[\"a\" \"b\"]) is attempting to grant RBAC permissions not "
        + "currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\"]}")
  }

  @Test func bootstrapRolesAreWholeAndComeBack() {
    let objects = BootstrapPolicy.objects
    func find(_ kind: String, _ name: String) -> JSONValue? {
      objects.first { $0["kind"]?.stringValue == kind && $0.name == name }
    }
    let roles = objects.filter { $0["kind"] == "ClusterRole" }
    #expect(Set(roles.map(\.name)).count == roles.count)
    for binding in objects where binding["roleRef"] != nil {
      let reference = AccessPolicy.role(of: binding)
      let isThere = objects.contains {
        $0["kind"]?.stringValue == reference.kind && $0.name == reference.name
          && $0.namespace == reference.namespace
      }
      #expect(isThere, "\(binding.name)")
    }
    let admin = PolicyRule.rules(of: find("ClusterRole", "admin") ?? .null)
    let view = PolicyRule.rules(of: find("ClusterRole", "system:aggregate-to-view") ?? .null)
    #expect(!view.isEmpty)
    #expect(RuleCoverage.missing(view, from: admin).isEmpty)
    var damaged = find("ClusterRole", "system:basic-user") ?? .null
    let whole = damaged
    damaged["rules"] = []
    #expect(BootstrapReconciliation.change(of: whole, to: whole) == .none)
    guard case .update(let mended) = BootstrapReconciliation.change(of: damaged, to: whole) else {
      Issue.record("a role without its rules is mended")
      return
    }
    #expect(
      RuleCoverage.missing(PolicyRule.rules(of: whole), from: PolicyRule.rules(of: mended))
        .isEmpty)
    damaged.set("false", at: "metadata", "annotations", BootstrapPolicy.autoupdate)
    #expect(BootstrapReconciliation.change(of: damaged, to: whole) == .none)
    var rebound = find("ClusterRoleBinding", "cluster-admin") ?? .null
    let bound = rebound
    rebound.set("view", at: "roleRef", "name")
    #expect(BootstrapReconciliation.change(of: rebound, to: bound) == .replace)
  }
}
