import Keyspace
import KubernetesAPI
import Synchronization

/// Policies, bindings and webhooks compiled, as long as they stay as they are.
final class PolicyCache: Sendable {
  private struct Compiled<Value: Sendable> {
    var values: [Key: (revision: Revision, value: Value)] = [:]

    /// More than clusters have; past it all are compiled anew.
    private static var capacity: Int { 4096 }

    mutating func keep(_ value: Value, _ entry: Entry) {
      if values.count >= Self.capacity { values.removeAll() }
      values[entry.key] = (entry.modRevision, value)
    }

    func value(_ entry: Entry) -> Value? {
      guard let known = values[entry.key], known.revision == entry.modRevision else { return nil }
      return known.value
    }
  }

  private let validating = Mutex(Compiled<ValidatingPolicy>())
  private let mutating = Mutex(Compiled<MutatingPolicy>())
  private let bindings = Mutex(Compiled<PolicyBinding>())
  private let webhookLists = Mutex(Compiled<[AdmissionWebhook]>())

  func validatingPolicy(_ entry: Entry) throws(APIStatus) -> ValidatingPolicy {
    if let known = validating.withLock({ $0.value(entry) }) { return known }
    let policy = ValidatingPolicy(try ObjectCodec.parse(entry.value, key: entry.key))
    validating.withLock { $0.keep(policy, entry) }
    return policy
  }

  func mutatingPolicy(_ entry: Entry) throws(APIStatus) -> MutatingPolicy {
    if let known = mutating.withLock({ $0.value(entry) }) { return known }
    let policy = MutatingPolicy(try ObjectCodec.parse(entry.value, key: entry.key))
    mutating.withLock { $0.keep(policy, entry) }
    return policy
  }

  /// Those of a webhook configuration.
  func webhooks(_ entry: Entry) throws(APIStatus) -> [AdmissionWebhook] {
    if let known = webhookLists.withLock({ $0.value(entry) }) { return known }
    let webhooks = AdmissionWebhook.all(of: try ObjectCodec.parse(entry.value, key: entry.key))
    webhookLists.withLock { $0.keep(webhooks, entry) }
    return webhooks
  }

  func binding(_ entry: Entry) throws(APIStatus) -> PolicyBinding {
    if let known = bindings.withLock({ $0.value(entry) }) { return known }
    let binding = PolicyBinding(try ObjectCodec.parse(entry.value, key: entry.key))
    bindings.withLock { $0.keep(binding, entry) }
    return binding
  }
}
