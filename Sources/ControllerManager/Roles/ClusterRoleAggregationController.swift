import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Keeps cluster roles that are unions of others what they say they are.
struct ClusterRoleAggregationController: Sendable {
  static let clusterRoles = GroupVersionResource(
    group: "rbac.authorization.k8s.io", resource: "clusterroles")

  private let context: ControllerContext
  private let roles: Informer
  private let queue = WorkQueue<String>()

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = ClusterRoleAggregationController(context)
    return { await context.run(controller.queue, workers: 1, reconcile: controller.reconcile) }
  }

  private init(_ context: ControllerContext) {
    self.context = context
    let roles = context.informers.informer(Self.clusterRoles)
    self.roles = roles
    let queue = queue
    roles.addHandler { delta in
      // Any role may be part of any union.
      for role in roles.list() where RoleAggregation.isUnion(role) {
        queue.add(role.meta.name, cause: delta.revision)
      }
    }
  }

  @Sendable private func reconcile(_ name: String) async throws -> Requeue? {
    guard let role = roles.get(name: name), RoleAggregation.isUnion(role),
      !role.meta.isBeingDeleted
    else { return nil }
    let rules = RoleAggregation.rules(of: role, among: roles.list())
    if role["rules"] ?? [] == .array(rules) { return nil }
    do {
      _ = try await ignoringNotFound {
        try await context.client.patch(
          Self.clusterRoles, namespace: nil, name: name, patch: ["rules": .array(rules)],
          type: .merge, subresource: nil)
      }
    } catch let status as APIStatus where status.code == 409 {
      return .after(milliseconds: 50)
    }
    return nil
  }
}

/// The rules of a union. Pure.
enum RoleAggregation {
  static func isUnion(_ role: JSONValue) -> Bool {
    role["aggregationRule"].map { !$0.isNull } ?? false
  }

  /// The rules of all roles that the union's selectors select, by name, each once; never its own.
  static func rules(of union: JSONValue, among roles: [JSONValue]) -> [JSONValue] {
    let selectors = (union.at("aggregationRule", "clusterRoleSelectors")?.arrayValue ?? [])
      .map { LabelSelector(object: $0) }
    let members = roles.filter { role in
      role.meta.name != union.meta.name
        && selectors.contains { $0.matches(role["metadata"]?["labels"]?.objectValue) }
    }.sorted { $0.meta.name < $1.meta.name }
    var seen: Set<JSONValue> = []
    return members.flatMap { $0["rules"]?.arrayValue ?? [] }.filter { seen.insert($0).inserted }
  }
}
