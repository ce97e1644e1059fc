import JSONDocument
import Keyspace
import KubernetesAPI
import Logging
import Synchronization

/// Lets a node read what the pods bound to it need, and write what is its own.
///
/// The graph of pods is made when the first node asks, and follows the store from then on; events
/// wait until somebody asks again, so that writes of pods cost nothing here.
final class NodeAuthorizer: Sendable {
  private struct State {
    var graph: NodeGraph?
    var isFollowing = false
  }

  /// What the watch delivers: filled on the replica's apply thread, so its lock is held briefly.
  private struct Inbox {
    var events: [Event] = []
    var seen: Revision = 0
    var handle: (any WatchHandle)?
    /// Events were lost, or the watch ended.
    var isBroken = false
    var isStopped = false
  }

  /// Events that may wait; when there are more, the graph is made anew.
  static let maximumPending = 20_000
  private static let pods = Key(resource: "pods", group: "", namespace: nil, name: "")
  private static let nodePath = [Array("spec".utf8), Array("nodeName".utf8)]

  private let store: any EventStore
  private let logger: Logger
  private let state = Mutex(State())
  private let inbox = Mutex(Inbox())

  init(store: any EventStore, logger: Logger) {
    self.store = store
    self.logger = logger
  }

  func stop() {
    let handle = inbox.withLock { inbox in
      inbox.isStopped = true
      let handle = inbox.handle
      inbox.handle = nil
      return handle
    }
    handle?.cancel()
  }

  // MARK: Decisions

  func decide(_ access: AccessAttributes) -> AccessDecision {
    guard let node = NodeIdentity.nodeName(of: access.user) else { return .refused() }
    guard !node.isEmpty else { return .refused("unknown node for user \"\(access.user.name)\"") }
    guard access.isResource else { return .refused() }
    switch (access.group, access.resource) {
    case ("", "secrets"): return read(access, node, .secret)
    case ("", "configmaps"): return read(access, node, .configMap)
    case ("", "persistentvolumeclaims"):
      if access.subresource == "status" {
        guard ["get", "update", "patch"].contains(access.verb) else {
          return .refused("can only get/update/patch this type")
        }
        return related(node, NodeGraph.Target(.claim, access))
      }
      return get(access) { related(node, NodeGraph.Target(.claim, access)) }
    case ("", "persistentvolumes"): return get(access) { volume(access, node) }
    case ("resource.k8s.io", "resourceclaims"):
      return get(access) { related(node, NodeGraph.Target(.resourceClaim, access)) }
    case ("storage.k8s.io", "volumeattachments"):
      return get(access) { own(access, node, at: "spec", "nodeName") }
    case ("", "serviceaccounts"): return serviceAccount(access, node)
    case ("coordination.k8s.io", "leases"): return lease(access, node)
    case ("storage.k8s.io", "csinodes"): return csiNode(access, node)
    case ("resource.k8s.io", "resourceslices"): return slice(access, node)
    case ("", "nodes"): return nodeObject(access, node)
    case ("", "pods"): return pod(access, node)
    default:
      return BootstrapPolicy.nodeRules.contains { $0.allows(access) } ? .allowed : .refused()
    }
  }

  private func noRelationship(_ node: String) -> AccessDecision {
    .refused("no relationship found between node '\(node)' and this object")
  }

  private func related(_ node: String, _ target: NodeGraph.Target) -> AccessDecision {
    needs(node, target) ? .allowed : noRelationship(node)
  }

  private func read(_ access: AccessAttributes, _ node: String, _ kind: NodeGraph.Kind)
    -> AccessDecision
  {
    guard ["get", "list", "watch"].contains(access.verb) else {
      return .refused("can only read resources of this type")
    }
    guard access.subresource.isEmpty else { return .refused("cannot read subresource") }
    guard !access.namespace.isEmpty else {
      return .refused("can only read namespaced object of this type")
    }
    guard !access.name.isEmpty else { return .refused("No Object name found") }
    return related(node, NodeGraph.Target(kind, access))
  }

  private func get(_ access: AccessAttributes, _ decide: () -> AccessDecision) -> AccessDecision {
    guard access.verb == "get" else {
      return .refused("can only get individual resources of this type")
    }
    guard access.subresource.isEmpty else { return .refused("cannot get subresource") }
    return decide()
  }

  private func stored(_ access: AccessAttributes) -> JSONValue? {
    let key = Key(
      resource: access.resource, group: access.group, namespace: access.namespace,
      name: access.name)
    return object(key)
  }

  private func object(_ key: Key) -> JSONValue? {
    store.current().get(key).flatMap { try? JSONValue(parsing: $0.value) }
  }

  private func own(_ access: AccessAttributes, _ node: String, at path: String...)
    -> AccessDecision
  {
    stored(access)?.at(path: path)?.stringValue == node ? .allowed : noRelationship(node)
  }

  private func volume(_ access: AccessAttributes, _ node: String) -> AccessDecision {
    guard let claim = stored(access)?.at("spec", "claimRef"),
      let namespace = claim["namespace"]?.stringValue, let name = claim["name"]?.stringValue
    else { return noRelationship(node) }
    return related(
      node, NodeGraph.Target(kind: .claim, namespace: namespace, name: name))
  }

  private func serviceAccount(_ access: AccessAttributes, _ node: String) -> AccessDecision {
    switch (access.subresource, access.verb) {
    case ("token", "create"), ("", "get"):
      guard !access.name.isEmpty else { return .refused("No Object name found") }
      return related(node, NodeGraph.Target(.serviceAccount, access))
    case ("token", _): return .refused("can only create tokens for individual service accounts")
    default: return .refused("can only get individual resources of this type")
    }
  }

  private func lease(_ access: AccessAttributes, _ node: String) -> AccessDecision {
    guard ["get", "create", "update", "patch", "delete"].contains(access.verb) else {
      return .refused("can only get, create, update, patch, or delete a node lease")
    }
    guard access.namespace == "kube-node-lease" else {
      return .refused("can only access leases in the \"kube-node-lease\" system namespace")
    }
    guard access.verb == "create" || access.name == node else {
      return .refused("can only access node lease with the same name as the requesting node")
    }
    return .allowed
  }

  private func csiNode(_ access: AccessAttributes, _ node: String) -> AccessDecision {
    guard ["get", "create", "update", "patch", "delete"].contains(access.verb) else {
      return .refused("can only get, create, update, patch, or delete a CSINode")
    }
    guard access.subresource.isEmpty else {
      return .refused("cannot authorize CSINode subresources")
    }
    guard access.verb == "create" || access.name == node else {
      return .refused("can only access CSINode with the same name as the requesting node")
    }
    return .allowed
  }

  private func slice(_ access: AccessAttributes, _ node: String) -> AccessDecision {
    guard access.subresource.isEmpty else {
      return .refused("cannot authorize ResourceSlice subresources")
    }
    switch access.verb {
    case "create": return .allowed
    case "get", "update", "patch", "delete": return own(access, node, at: "spec", "nodeName")
    case "list", "watch", "deletecollection":
      return access.selectedFields["spec.nodeName"] == node
        ? .allowed
        : .refused(
          "can only list/watch/deletecollection resourceslices with spec.nodeName field selector")
    default: return .refused("only the following verbs are allowed for a ResourceSlice")
    }
  }

  private func nodeObject(_ access: AccessAttributes, _ node: String) -> AccessDecision {
    switch (access.subresource, access.verb) {
    case ("", "create"), ("", "update"), ("", "patch"), ("status", "update"),
      ("status", "patch"):
      return .allowed
    case ("", "get"), ("", "list"), ("", "watch"):
      if access.name == node { return .allowed }
      return .refused("node '\(node)' cannot read '\(access.name)', only its own Node object")
    default: return .refused()
    }
  }

  private func pod(_ access: AccessAttributes, _ node: String) -> AccessDecision {
    switch (access.subresource, access.verb) {
    case ("", "create"), ("", "delete"), ("status", "update"), ("status", "patch"),
      ("eviction", "create"):
      return .allowed
    case ("", "get"): return own(access, node, at: "spec", "nodeName")
    case ("", "list"), ("", "watch"):
      if access.selectedFields["spec.nodeName"] == node { return .allowed }
      if !access.name.isEmpty, !access.namespace.isEmpty {
        return own(access, node, at: "spec", "nodeName")
      }
      return .refused("can only list/watch pods with spec.nodeName field selector")
    default: return .refused()
    }
  }

  // MARK: The graph

  /// Whether a pod of the node refers to `target`, itself or through a volume.
  func needs(_ node: String, _ target: NodeGraph.Target) -> Bool {
    let claims: [String]? = state.withLock { state in
      refresh(&state)
      guard let graph = state.graph else { return [] }
      if graph.needs(node: node, target) { return nil }
      return target.kind == .secret
        ? graph.claims(ofNode: node, namespace: target.namespace) : []
    }
    guard let claims else { return true }
    if isBehind, scan(target.namespace, node, target) { return true }
    for claim in claims {
      let key = Key(
        resource: "persistentvolumeclaims", group: "", namespace: target.namespace, name: claim)
      guard let name = object(key)?.at("spec", "volumeName")?.stringValue,
        let volume = object(
          Key(resource: "persistentvolumes", group: "", namespace: "", name: name))
      else { continue }
      if NodeGraph.refers(volume: volume, toSecret: target.name, namespace: target.namespace) {
        return true
      }
    }
    return false
  }

  /// Whether the watch has not seen yet what the store holds.
  private var isBehind: Bool { inbox.withLock { $0.seen } < store.current().revision }

  /// The answer from the store itself.
  private func scan(_ namespace: String, _ node: String, _ target: NodeGraph.Target) -> Bool {
    let prefix = Key(resource: "pods", group: "", namespace: namespace, name: "")
    return store.current().entries(prefix: prefix).contains { entry in
      guard let place = JSONScan.range(of: Self.nodePath, in: entry.value),
        entry.value[place].elementsEqual("\"\(node)\"".utf8),
        let pod = try? JSONValue(parsing: entry.value)
      else { return false }
      return NodeGraph.targets(of: pod).contains(target)
    }
  }

  private func refresh(_ state: inout State) {
    let (events, isBroken) = inbox.withLock { inbox in
      let taken = (inbox.events, inbox.isBroken)
      inbox.events = []
      inbox.isBroken = false
      return taken
    }
    if !state.isFollowing || inbox.withLock({ $0.handle == nil && !$0.isStopped }) {
      state.isFollowing = follow()
      state.graph = nil
    }
    if isBroken || state.graph == nil {
      // Events that the snapshot holds already are applied again later, in their order.
      var graph = NodeGraph()
      for entry in store.current().entries(prefix: Self.pods) {
        graph.set(entry.key.description, Self.bound(entry.value))
      }
      state.graph = graph
    }
    for event in events {
      let pod = event.kind == .put ? Self.bound(event.value) : nil
      state.graph?.set(event.key.description, pod)
    }
  }

  /// The pod if it is bound to a node.
  private static func bound(_ bytes: [UInt8]) -> JSONValue? {
    guard JSONScan.range(of: nodePath, in: bytes) != nil else { return nil }
    return try? JSONValue(parsing: bytes)
  }

  private func follow() -> Bool {
    let sink = PodSink { [weak self] events, seen, isEnd in
      self?.receive(events, seen: seen, isEnd: isEnd)
    }
    do throws(StoreError) {
      let handle = try store.watch(
        prefix: Self.pods, after: store.current().revision, sink: sink)
      let isStopped = inbox.withLock { inbox in
        inbox.handle = handle
        return inbox.isStopped
      }
      if isStopped { handle.cancel() }
      return true
    } catch {
      logger.debug("watching pods for the nodes' rights failed: \(error)")
      return false
    }
  }

  private func receive(_ events: [Event], seen: Revision, isEnd: Bool) {
    inbox.withLock { inbox in
      inbox.seen = max(inbox.seen, seen)
      if isEnd { inbox.handle = nil }
      if isEnd || inbox.events.count + events.count > Self.maximumPending {
        inbox.isBroken = true
        inbox.events = []
      } else {
        inbox.events += events
      }
    }
  }

  private final class PodSink: WatchSink {
    private let deliver: @Sendable ([Event], Revision, Bool) -> Void

    init(deliver: @escaping @Sendable ([Event], Revision, Bool) -> Void) {
      self.deliver = deliver
    }

    func receive(_ events: [Event], upTo revision: Revision) { deliver(events, revision, false) }
    func end(_ error: StoreError) { deliver([], 0, true) }
  }
}

extension NodeGraph.Target {
  init(_ kind: NodeGraph.Kind, _ access: AccessAttributes) {
    self.init(kind: kind, namespace: access.namespace, name: access.name)
  }
}
