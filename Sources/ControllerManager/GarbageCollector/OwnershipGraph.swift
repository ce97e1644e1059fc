import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Who owns whom, from objects' metadata. Pure.
struct OwnershipGraph: Sendable {
  struct Node: Sendable, Equatable {
    var resource: GroupVersionResource
    var key: ObjectKey
    var uid: String
    var revision: UInt64
    var owners: [OwnerReference]
    var isBeingDeleted: Bool
    var deletesDependents: Bool
    var orphansDependents: Bool
  }

  static let foregroundFinalizer = "foregroundDeletion"
  static let orphanFinalizer = "orphan"

  private(set) var nodes: [String: Node] = [:]
  private var dependents: [String: Set<String>] = [:]

  /// Adds or changes an object; returns the uids to look at.
  mutating func observe(_ object: JSONValue, of resource: GroupVersionResource, revision: UInt64)
    -> [String]
  {
    let meta = object.meta
    let finalizers = meta.finalizers
    let node = Node(
      resource: resource, key: object.key, uid: meta.uid, revision: revision,
      owners: meta.ownerReferences, isBeingDeleted: meta.isBeingDeleted,
      deletesDependents: meta.isBeingDeleted && finalizers.contains(Self.foregroundFinalizer),
      orphansDependents: meta.isBeingDeleted && finalizers.contains(Self.orphanFinalizer))
    let old = nodes[node.uid]
    for owner in old?.owners ?? [] { unlink(node.uid, from: owner.uid) }
    for owner in node.owners { dependents[owner.uid, default: []].insert(node.uid) }
    nodes[node.uid] = node
    var affected: [String] = []
    if node.deletesDependents || node.orphansDependents { affected.append(node.uid) }
    if !node.owners.isEmpty { affected.append(node.uid) }
    // An owner that waits for its dependents may have lost its last one.
    for owner in old?.owners ?? [] where nodes[owner.uid]?.deletesDependents == true {
      affected.append(owner.uid)
    }
    for owner in node.owners where nodes[owner.uid]?.deletesDependents == true {
      affected.append(owner.uid)
    }
    return affected
  }

  /// The object is gone; returns the uids to look at: its dependents, and the owners that wait.
  mutating func remove(_ uid: String) -> [String] {
    guard let node = nodes.removeValue(forKey: uid) else { return [] }
    var affected = Array(dependents[uid] ?? [])
    for owner in node.owners {
      unlink(uid, from: owner.uid)
      if nodes[owner.uid]?.deletesDependents == true { affected.append(owner.uid) }
    }
    return affected
  }

  /// All objects of a resource are gone; returns the uids to look at.
  mutating func remove(all resource: GroupVersionResource) -> [String] {
    nodes.values.filter { $0.resource == resource }.flatMap { remove($0.uid) }
  }

  func dependents(of uid: String) -> [Node] {
    (dependents[uid] ?? []).compactMap { nodes[$0] }
  }

  private mutating func unlink(_ uid: String, from owner: String) {
    dependents[owner]?.remove(uid)
    if dependents[owner]?.isEmpty == true { dependents[owner] = nil }
  }
}

/// Decides what becomes of one object. Pure.
enum GarbagePlanner {
  enum OwnerState: Sendable, Equatable {
    /// It is there, and stays.
    case solid
    /// It is gone.
    case absent
    /// It is being deleted and waits for its dependents.
    case waiting
  }

  enum Action: Equatable {
    /// With foreground where dependents of its own must go first.
    case delete(policy: String)
    case removeOwners([String])
    case removeFinalizer(String)
    /// Take this object out of the owners of each of these, then remove the finalizer.
    case orphan([OwnershipGraph.Node])
    /// Look at these next.
    case visit([String])
  }

  static func plan(
    _ node: OwnershipGraph.Node, owners: [String: OwnerState], dependents: [OwnershipGraph.Node]
  ) -> [Action] {
    if node.orphansDependents { return [.orphan(dependents)] }
    var actions: [Action] = []
    if node.deletesDependents {
      let blocking = dependents.filter { dependent in
        dependent.owners.contains { $0.uid == node.uid && $0.blockOwnerDeletion }
      }
      if blocking.isEmpty {
        return [.removeFinalizer(OwnershipGraph.foregroundFinalizer)]
      }
      return [.visit(dependents.map(\.uid))]
    }
    if node.isBeingDeleted || node.owners.isEmpty { return [] }
    let states = node.owners.map { ($0.uid, owners[$0.uid] ?? .solid) }
    let useless = states.filter { $0.1 != .solid }.map(\.0)
    if useless.isEmpty { return [] }
    if useless.count < states.count {
      actions.append(.removeOwners(useless))
    } else if states.contains(where: { $0.1 == .waiting }), !dependents.isEmpty {
      // The owner waits for this one, and this one's own dependents come first.
      actions.append(.delete(policy: "Foreground"))
    } else {
      actions.append(.delete(policy: "Background"))
    }
    return actions
  }
}
