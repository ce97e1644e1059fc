import JSONDocument
import Keyspace
import KubernetesAPI

/// A key for each namespace that is written whenever what creations in it rest on changes: the
/// namespace begins to go, or a quota comes. Every creation compares it.
enum NamespaceGuard {
  static let prefix = "namespaceguards/"
  static func key(_ namespace: String) -> Key { Key(prefix + namespace) }
  static func owns(_ key: Key) -> Bool { key.hasPrefix(Key(prefix)) }

  /// Makes creations that have not committed yet look again.
  static func touch(_ namespace: String) -> Mutation {
    .put(key: key(namespace), value: Array("{}".utf8), revisionOffset: nil)
  }
}

extension Registry {
  private static let phasePath = [Array("status".utf8), Array("phase".utf8)]
  private static let deletionPath = [Array("metadata".utf8), Array("deletionTimestamp".utf8)]

  /// Nothing new comes into a namespace that is missing or going away.
  ///
  /// - Returns: a compare that makes the write fail if that changes meanwhile.
  func namespaceGuard(_ info: ResourceInfo, namespace: String?, name: String)
    async throws(APIStatus) -> Compare?
  {
    guard info.namespaced, let namespace else { return nil }
    // Read before the namespace is, so that no change between the two goes unnoticed.
    let guardKey = NamespaceGuard.key(namespace)
    let compare = Compare(
      key: guardKey, revision: store.current().get(guardKey)?.modRevision ?? 0)
    guard configuration.isEnabled(AdmissionPlugin.namespaceLifecycle) else { return compare }
    let key = Key(resource: "namespaces", group: "", namespace: "", name: namespace)
    guard let entry = try await entry(key) else {
      throw .notFound(.namespaces, name: namespace)
    }
    if let phase = JSONScan.range(of: Self.phasePath, in: entry.value),
      entry.value[phase].elementsEqual("\"Active\"".utf8),
      JSONScan.range(of: Self.deletionPath, in: entry.value) == nil
    {
      return compare
    }
    let value = try ObjectCodec.parse(entry.value, key: key)
    guard value.isBeingDeleted || value.at("status", "phase")?.stringValue == "Terminating" else {
      return compare
    }
    var failure = APIStatus.forbidden(
      info.gvr, name: name,
      "unable to create new content in namespace \(namespace) because it is being terminated")
    failure.causes = [
      APIStatus.Cause(
        reason: "NamespaceTerminating",
        message: "namespace \(namespace) is being terminated", field: "metadata.namespace")
    ]
    throw failure
  }
}
