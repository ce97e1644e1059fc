import JSONDocument
import Keyspace
import KubernetesAPI
import Synchronization

extension Registry {
  /// Adds to a write what the quotas of its namespace say: each counts the change in the same
  /// transaction, on the condition that nobody counted meanwhile. So no two writes, on whichever
  /// servers, take the same room.
  ///
  /// - Throws: 403 where a quota has no room.
  func count(_ demand: QuotaCheck.Demand, in attempt: inout WritePlan, _ info: ResourceInfo)
    throws(APIStatus)
  {
    for entry in quotas(namespace: demand.new.namespace) {
      // A quota that is itself created or changed does not count itself here.
      if entry.key == attempt.key { continue }
      var quota = try ObjectCodec.parse(entry.value, key: entry.key)
      switch QuotaCheck.evaluate(quota: quota, demand) {
      case .unconcerned: continue
      case .refused(let message): throw .forbidden(info.gvr, name: demand.new.name, message)
      case .uncounted: break
      case .used(let amounts):
        for (name, amount) in amounts {
          quota.set(.string("\(amount)"), at: "status", "used", name)
        }
      }
      let encoded = ObjectCodec.encode(quota)
      attempt.compares.append(Compare(key: entry.key, revision: entry.modRevision))
      attempt.mutations.append(
        .put(key: entry.key, value: encoded.bytes, revisionOffset: encoded.revisionOffset))
    }
  }

  func quotas(namespace: String) -> [Entry] {
    store.current().entries(
      prefix: Key(resource: "resourcequotas", group: "", namespace: namespace, name: ""))
  }

  /// What a write asks of quotas; `nil` where they can't be concerned.
  func quotaDemand(
    _ object: JSONValue, old: JSONValue?, _ info: ResourceInfo, subresource: String
  ) -> QuotaCheck.Demand? {
    guard info.namespaced, configuration.isEnabled(AdmissionPlugin.resourceQuota),
      !object.namespace.isEmpty
    else { return nil }
    if old != nil {
      guard subresource.isEmpty || subresource == "resize", QuotaUsage.dependsOnContent(info.gvr)
      else { return nil }
    }
    return QuotaCheck.Demand(
      resource: info.gvr, new: object, old: old,
      checksConstraints: old == nil || subresource == "resize",
      nowSeconds: WallClock.seconds())
  }

  static func isQuota(_ key: Key) -> Bool { key.hasPrefix(Key("resourcequotas/")) }
}

/// Lets writes that a quota counts pass one after the other on one server, so that they do not
/// keep undoing each other's transactions. The waiters are bounded by the requests in flight.
final class NamespaceQueues: Sendable {
  private let waiting = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

  func run<Result>(
    _ namespace: String, _ body: () async throws(APIStatus) -> Result
  ) async throws(APIStatus) -> Result {
    await enter(namespace)
    do throws(APIStatus) {
      let result = try await body()
      leave(namespace)
      return result
    } catch {
      leave(namespace)
      throw error
    }
  }

  private func enter(_ namespace: String) async {
    await withCheckedContinuation { continuation in
      let isFirst = waiting.withLock { waiting in
        guard waiting[namespace] != nil else {
          waiting[namespace] = []
          return true
        }
        waiting[namespace]?.append(continuation)
        return false
      }
      if isFirst { continuation.resume() }
    }
  }

  private func leave(_ namespace: String) {
    let next: CheckedContinuation<Void, Never>? = waiting.withLock { waiting in
      guard let queue = waiting[namespace], !queue.isEmpty else {
        waiting[namespace] = nil
        return nil
      }
      return waiting[namespace]?.removeFirst()
    }
    next?.resume()
  }
}
