import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import Synchronization

/// Decides who may do what: administrators everything, nodes what concerns them, all others what
/// the roles in the store say. The roles are compiled anew when one of them changes.
final class Authorizer: Sendable {
  private struct State {
    var policy: AccessPolicy?
    /// Counts changes, so that a policy compiled from an older state is not kept.
    var changes = 0
  }

  static let group = "rbac.authorization.k8s.io"
  private let store: any EventStore
  private let logger: Logger
  private let nodes: NodeAuthorizer
  private let state = Mutex(State())
  private let watches = Mutex<[any WatchHandle]>([])

  init(store: any EventStore, logger: Logger) {
    self.store = store
    self.logger = logger
    nodes = NodeAuthorizer(store: store, logger: logger)
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
    nodes.stop()
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
    if NodeIdentity.nodeName(of: access.user) != nil, nodes.decide(access).isAllowed {
      return true
    }
    return currentPolicy().allows(access)
  }

  /// As `allows`, with the reason.
  func decide(_ access: AccessAttributes) -> AccessDecision {
    if access.user.isMaster { return .allowed }
    var reasons: [String] = []
    if NodeIdentity.nodeName(of: access.user) != nil {
      let decision = nodes.decide(access)
      if decision.isAllowed { return decision }
      if !decision.reason.isEmpty { reasons.append(decision.reason) }
    }
    let decision = currentPolicy().decide(access)
    if decision.isAllowed { return decision }
    if !decision.reason.isEmpty { reasons.append(decision.reason) }
    return .refused(reasons.joined(separator: "\n"))
  }

  /// Whether a pod of this node may be seen by it: what admission asks.
  var nodeGraph: NodeAuthorizer { nodes }

  /// The rules that apply to a user in a namespace, as far as rules say it.
  func rules(for user: UserInfo, namespace: String) -> [PolicyRule] {
    (user.isMaster ? PolicyRule.everything : [])
      + currentPolicy().rules(for: user, namespace: namespace)
  }

  /// `nil` where there is no such role.
  func rules(of role: AccessPolicy.RoleReference) -> [PolicyRule]? {
    currentPolicy().rules(of: role)
  }

  private func currentPolicy() -> AccessPolicy {
    let (policy, changes) = state.withLock { ($0.policy, $0.changes) }
    if let policy { return policy }
    let compiled = Self.compile(store.current())
    state.withLock { state in
      if state.changes == changes { state.policy = compiled }
    }
    return compiled
  }

  private static func compile(_ reader: any KeyspaceReader) -> AccessPolicy {
    var policy = AccessPolicy()
    for resource in ["roles", "clusterroles"] {
      for entry in reader.entries(prefix: prefix(resource)) {
        guard let value = try? JSONValue(parsing: entry.value) else { continue }
        policy.add(role: value, isCluster: resource == "clusterroles")
      }
    }
    for resource in ["rolebindings", "clusterrolebindings"] {
      for entry in reader.entries(prefix: prefix(resource)) {
        guard let value = try? JSONValue(parsing: entry.value) else { continue }
        policy.add(binding: value)
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
