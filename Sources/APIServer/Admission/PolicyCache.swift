import JSONDocument
import Keyspace
import KubernetesAPI
import Synchronization

/// Objects of one kind compiled, as long as they stay as they are.
final class CompiledObjects<Value: Sendable>: Sendable {
  /// More than clusters have; past it all are compiled anew.
  private static var capacity: Int { 4096 }

  private let compile: @Sendable (JSONValue) -> Value
  private let known = Mutex<[Key: (revision: Revision, value: Value)]>([:])

  init(_ compile: @escaping @Sendable (JSONValue) -> Value) { self.compile = compile }

  func value(of entry: Entry) throws(APIStatus) -> Value {
    if let found = known.withLock({ $0[entry.key] }), found.revision == entry.modRevision {
      return found.value
    }
    let value = compile(try ObjectCodec.parse(entry.value, key: entry.key))
    known.withLock { known in
      if known.count >= Self.capacity { known.removeAll() }
      known[entry.key] = (entry.modRevision, value)
    }
    return value
  }
}

/// What admission compiles of the objects that tell it what to do.
final class PolicyCache: Sendable {
  let validating = CompiledObjects { ValidatingPolicy($0) }
  let mutating = CompiledObjects { MutatingPolicy($0) }
  let bindings = CompiledObjects { PolicyBinding($0) }
  /// The webhooks of a configuration.
  let webhooks = CompiledObjects { AdmissionWebhook.all(of: $0) }
}
