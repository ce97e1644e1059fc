import JSONDocument
import KubernetesAPI
import KubernetesClient
import Linearizability
import SeededRuns

/// A client that reads and writes a few keys, each of them a ConfigMap, one operation at a time.
struct TortureClient: Sendable {
  static let namespace = "torture"
  static let keys = 4
  /// Keys are others after this time, so that no key's history grows without end.
  static let roundNanoseconds: Int64 = 8_000_000_000

  let number: Int
  let servers: [Int: HTTPSClient]
  let record: TortureRecord
  var random: SplitMix64
  var server: Int
  /// Revisions as it last heard of them.
  private var known: [String: UInt64] = [:]

  init(number: Int, servers: [Int: HTTPSClient], record: TortureRecord, random: SplitMix64) {
    self.number = number
    self.servers = servers
    self.record = record
    self.random = random
    server = TortureServers.ids[number % TortureServers.ids.count]
  }

  mutating func run(until end: Int64) async {
    while record.now < end, !Task.isCancelled {
      let answered = await act()
      // Whoever is not answered goes elsewhere, mostly; others now and then.
      if random.next(below: 100) < (answered ? 8 : 70) { server = random.pick(TortureServers.ids) }
      let pause = answered ? random.next(below: 12) : 50 + random.next(below: 100)
      try? await Task.sleep(for: .milliseconds(pause))
    }
  }

  private mutating func act() async -> Bool {
    let round = record.now / Self.roundNanoseconds
    let key = "k\(round)-\(random.next(below: Self.keys))"
    switch random.next(below: 100) {
    case ..<40: return await perform(.get, key)
    case ..<58: return await perform(.create(value: record.takeValue()), key)
    case ..<86:
      guard let revision = known[key] else { return await perform(.get, key) }
      return await perform(.update(revision: revision, value: record.takeValue()), key)
    default:
      let revision = random.next(below: 2) == 0 ? known[key] : nil
      return await perform(.delete(revision: revision), key)
    }
  }

  /// - Returns: whether there was an answer that says what happened.
  private mutating func perform(_ input: KeyModel.Input, _ key: String) async -> Bool {
    guard let client = servers[server] else { return false }
    let called = record.now
    let outcome = await Self.send(input, key, client)
    let returned = record.now
    func add(_ output: KeyModel.Output?, _ returned: Int64?) {
      record.add(
        TortureOperation(
          key: key, server: server,
          operation: .init(
            client: number, called: called, returned: returned, input: input, output: output)))
    }
    switch outcome {
    case .answered(let output):
      if case .found(_, let revision) = output { known[key] = revision }
      if case .done(let revision?) = output { known[key] = revision }
      if output == .notFound { known[key] = nil }
      if output == .conflict, random.next(below: 2) == 0 { known[key] = nil }
      add(output, returned)
      switch (input, output) {
      case (.create(let value), .alreadyExists), (.update(_, let value), .conflict),
        (.update(_, let value), .notFound):
        record.refused(value)
      default: break
      }
      return true
    case .turnedAway:
      return false
    case .unknown:
      // A read changes nothing: one without an answer says nothing.
      if input != .get { add(nil, nil) }
      return false
    case .wrong(let text):
      record.problem("\(input) of \(key) at server \(server): \(text)")
      return true
    }
  }

  private enum Outcome {
    case answered(KeyModel.Output)
    /// It certainly did not happen.
    case turnedAway
    case unknown
    case wrong(String)
  }

  private static func send(_ input: KeyModel.Input, _ key: String, _ client: HTTPSClient) async
    -> Outcome
  {
    do {
      switch input {
      case .get:
        let object = try await client.get(.configMaps, namespace: namespace, name: key)
        guard let (value, revision) = content(of: object) else {
          return .wrong("\(object.text) is not what was written")
        }
        return .answered(.found(value: value, revision: revision))
      case .create(let value):
        let object = try await client.create(
          .configMaps, namespace: namespace, object: configMap(key, value))
        return done(object, value)
      case .update(let revision, let value):
        var object = configMap(key, value)
        object.set(.string(String(revision)), at: "metadata", "resourceVersion")
        return done(
          try await client.update(.configMaps, namespace: namespace, name: key, object: object),
          value)
      case .delete(let revision):
        try await client.delete(
          .configMaps, namespace: namespace, name: key,
          options: DeleteOptions(preconditionResourceVersion: revision.map(String.init)))
        return .answered(.done(revision: nil))
      }
    } catch let status as APIStatus {
      switch (status.code, status.reason) {
      case (404, "NotFound"): return .answered(.notFound)
      case (409, "AlreadyExists"): return .answered(.alreadyExists)
      case (409, "Conflict"): return .answered(.conflict)
      case (429, _): return .turnedAway
      case (500..., _): return .unknown
      default: return .wrong("\(status.code) \(status.reason): \(status.message)")
      }
    } catch {
      return .unknown
    }
  }

  private static func done(_ object: JSONValue, _ value: Int) -> Outcome {
    guard let (written, revision) = content(of: object), written == value else {
      return .wrong("the answer to a write of \(value) is \(object.text)")
    }
    return .answered(.done(revision: revision))
  }

  static func configMap(_ key: String, _ value: Int) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "ConfigMap",
      "metadata": [
        "name": .string(key), "namespace": .string(namespace),
        "labels": ["parity": .string(value.isMultiple(of: 2) ? "even" : "odd")],
      ],
      "data": ["value": .string(String(value))],
    ]
  }

  static func content(of object: JSONValue) -> (value: Int, revision: UInt64)? {
    guard let value = object.at("data", "value")?.stringValue.flatMap({ Int($0) }),
      let revision = object.at("metadata", "resourceVersion")?.stringValue.flatMap({ UInt64($0) })
    else { return nil }
    return (value, revision)
  }

  /// Others' objects in the namespace don't count.
  static func isKey(_ name: String) -> Bool { name.hasPrefix("k") && !name.contains(".") }
}
