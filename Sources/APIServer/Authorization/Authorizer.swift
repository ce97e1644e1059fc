import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import Synchronization

/// One question of authorization.
struct AccessAttributes: Sendable, Hashable {
  var user: UserInfo
  var verb: String
  /// A resource, or else a path.
  var isResource: Bool
  var path = ""
  var group = ""
  var version = ""
  var resource = ""
  var subresource = ""
  var namespace = ""
  var name = ""

  init(user: UserInfo, verb: String, path: String) {
    self.user = user
    self.verb = verb
    self.path = path
    isResource = false
  }

  init(
    user: UserInfo, verb: String, group: String, resource: String, subresource: String = "",
    namespace: String = "", name: String = ""
  ) {
    self.user = user
    self.verb = verb
    isResource = true
    self.group = group
    self.resource = resource
    self.subresource = subresource
    self.namespace = namespace
    self.name = name
  }

  /// The refusal as upstream words it.
  var denial: APIStatus {
    guard isResource else {
      return APIStatus(
        code: 403, reason: "Forbidden",
        message: "forbidden: User \"\(user.name)\" cannot \(verb) path \"\(path)\"")
    }
    let what = subresource.isEmpty ? resource : "\(resource)/\(subresource)"
    let place = namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(namespace)\""
    return .forbidden(
      GroupVersionResource(group: group, resource: resource), name: name,
      "User \"\(user.name)\" cannot \(verb) resource \"\(what)\" in API group \"\(group)\" "
        + place)
  }
}

/// A rule of a Role or ClusterRole.
struct PolicyRule: Sendable, Hashable {
  var verbs: [String]
  var groups: [String]
  var resources: [String]
  var names: [String]
  var paths: [String]

  init(_ value: JSONValue) {
    verbs = value.strings("verbs")
    groups = value.strings("apiGroups")
    resources = value.strings("resources")
    names = value.strings("resourceNames")
    paths = value.strings("nonResourceURLs")
  }

  func allows(_ access: AccessAttributes) -> Bool {
    guard verbs.contains("*") || verbs.contains(access.verb) else { return false }
    guard access.isResource else {
      return paths.contains { path in
        path == "*" || path == access.path
          || path.hasSuffix("*") && access.path.hasPrefix(path.dropLast())
      }
    }
    guard groups.contains("*") || groups.contains(access.group) else { return false }
    let full =
      access.subresource.isEmpty ? access.resource : "\(access.resource)/\(access.subresource)"
    guard
      resources.contains(where: { resource in
        resource == "*" || resource == full
          || !access.subresource.isEmpty && resource == "*/\(access.subresource)"
      })
    else { return false }
    return names.isEmpty || names.contains(access.name)
  }
}

/// RBAC over the roles and bindings in the store, compiled anew when one of them changes.
final class Authorizer: Sendable {
  private struct Subject: Sendable {
    var kind: String
    var namespace: String
    var name: String

    func isMet(by user: UserInfo, bindingNamespace: String) -> Bool {
      switch kind {
      case "User": return name == user.name
      case "Group": return user.groups.contains(name)
      case "ServiceAccount":
        let namespace = namespace.isEmpty ? bindingNamespace : namespace
        return user.name == "system:serviceaccount:\(namespace):\(name)"
      default: return false
      }
    }
  }

  private struct Binding: Sendable {
    var subjects: [Subject]
    /// Key of the role: `clusterroles…//name` or `roles…/namespace/name`.
    var role: Key
  }

  private struct Policy: Sendable {
    var rules: [Key: [PolicyRule]] = [:]
    var clusterBindings: [Binding] = []
    var bindings: [String: [Binding]] = [:]
  }

  private struct State {
    var policy: Policy?
    /// Counts changes, so that a policy compiled from an older state is not kept.
    var changes = 0
  }

  private static let group = "rbac.authorization.k8s.io"
  private let store: any EventStore
  private let logger: Logger
  private let state = Mutex(State())
  private let watches = Mutex<[any WatchHandle]>([])

  init(store: any EventStore, logger: Logger) {
    self.store = store
    self.logger = logger
    for resource in ["roles", "rolebindings", "clusterroles", "clusterrolebindings"] {
      subscribe(Self.prefix(resource))
    }
  }

  private static func prefix(_ resource: String) -> Key {
    Key(resource: resource, group: group, namespace: nil, name: "")
  }

  func stop() {
    let handles = watches.withLock { watches in
      let handles = watches
      watches = []
      return handles
    }
    for handle in handles { handle.cancel() }
  }

  private func subscribe(_ prefix: Key) {
    let sink = ChangeSink { [weak self] isEnd in
      guard let self else { return }
      self.state.withLock { state in
        state.policy = nil
        state.changes += 1
      }
      if isEnd { Task { self.resubscribe(prefix) } }
    }
    do throws(StoreError) {
      let handle = try store.watch(prefix: prefix, after: store.current().revision, sink: sink)
      watches.withLock { $0.append(handle) }
    } catch {
      logger.warning("watching \(prefix) failed: \(error)")
      Task { self.resubscribe(prefix) }
    }
  }

  private func resubscribe(_ prefix: Key) {
    Task { [weak self] in
      try? await Task.sleep(nanoseconds: 100_000_000)
      self?.subscribe(prefix)
      self?.state.withLock { state in
        state.policy = nil
        state.changes += 1
      }
    }
  }

  func allows(_ access: AccessAttributes) -> Bool {
    if access.user.isMaster { return true }
    let policy = currentPolicy()
    let user = access.user
    for binding in policy.clusterBindings {
      if allows(access, binding, policy, bindingNamespace: "", user) { return true }
    }
    guard access.isResource, !access.namespace.isEmpty else { return false }
    for binding in policy.bindings[access.namespace] ?? [] {
      if allows(access, binding, policy, bindingNamespace: access.namespace, user) {
        return true
      }
    }
    return false
  }

  private func allows(
    _ access: AccessAttributes, _ binding: Binding, _ policy: Policy, bindingNamespace: String,
    _ user: UserInfo
  ) -> Bool {
    guard
      binding.subjects.contains(where: {
        $0.isMet(by: user, bindingNamespace: bindingNamespace)
      })
    else { return false }
    return policy.rules[binding.role]?.contains { $0.allows(access) } ?? false
  }

  /// The rules that apply to a user in a namespace.
  func rules(for user: UserInfo, namespace: String) -> [PolicyRule] {
    if user.isMaster {
      return [
        PolicyRule(["verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]]),
        PolicyRule(["verbs": ["*"], "nonResourceURLs": ["*"]]),
      ]
    }
    let policy = currentPolicy()
    var rules: [PolicyRule] = []
    let all =
      policy.clusterBindings.map { ($0, "") }
      + (policy.bindings[namespace] ?? []).map { ($0, namespace) }
    for (binding, bindingNamespace) in all
    where binding.subjects.contains(where: {
      $0.isMet(by: user, bindingNamespace: bindingNamespace)
    }) {
      rules += policy.rules[binding.role] ?? []
    }
    return rules
  }

  private func currentPolicy() -> Policy {
    let (policy, changes) = state.withLock { ($0.policy, $0.changes) }
    if let policy { return policy }
    let compiled = Self.compile(store.current())
    state.withLock { state in
      if state.changes == changes { state.policy = compiled }
    }
    return compiled
  }

  private static func compile(_ reader: any KeyspaceReader) -> Policy {
    var policy = Policy()
    for resource in ["roles", "clusterroles"] {
      for entry in reader.entries(prefix: prefix(resource)) {
        guard let value = try? JSONValue(parsing: entry.value) else { continue }
        policy.rules[entry.key] = (value["rules"]?.arrayValue ?? []).map(PolicyRule.init)
      }
    }
    for resource in ["rolebindings", "clusterrolebindings"] {
      for entry in reader.entries(prefix: prefix(resource)) {
        guard let value = try? JSONValue(parsing: entry.value) else { continue }
        let namespace = value.namespace
        let reference = value["roleRef"]
        let isCluster = reference?["kind"]?.stringValue == "ClusterRole"
        let role = Key(
          resource: isCluster ? "clusterroles" : "roles", group: group,
          namespace: isCluster ? "" : namespace,
          name: reference?["name"]?.stringValue ?? "")
        let binding = Binding(
          subjects: (value["subjects"]?.arrayValue ?? []).map { subject in
            Subject(
              kind: subject["kind"]?.stringValue ?? "",
              namespace: subject["namespace"]?.stringValue ?? "",
              name: subject["name"]?.stringValue ?? "")
          }, role: role)
        if namespace.isEmpty {
          policy.clusterBindings.append(binding)
        } else {
          policy.bindings[namespace, default: []].append(binding)
        }
      }
    }
    return policy
  }
}

/// Says that something changed, without saying what.
final class ChangeSink: WatchSink {
  private let changed: @Sendable (_ isEnd: Bool) -> Void

  init(changed: @escaping @Sendable (_ isEnd: Bool) -> Void) { self.changed = changed }

  func receive(_ events: [Event], upTo revision: Revision) {
    if !events.isEmpty { changed(false) }
  }

  func end(_ error: StoreError) { changed(true) }
}
