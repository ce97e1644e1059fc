import SeededRuns
import Testing

@testable import Keyspace

@Suite struct TransactionCodecTests {
  static let sample = Transaction(
    compares: [Compare(key: Key("a"), revision: 300), Compare(key: Key("b"), revision: 0)],
    mutations: [put("a", "{}", at: 1), put("b", "größer"), delete("c")],
    provenance: Provenance(
      user: "anna", impersonator: "root", agent: "kubectl/v1.33", verb: "patch",
      subresource: "status", cause: .max),
    requestID: .max, timeMilliseconds: 1_700_000_000_000)

  @Test func roundTrip() throws {
    let bytes = TransactionCodec.encode(Self.sample)
    #expect(try TransactionCodec.decode(bytes) == Self.sample)
    let large = transaction([
      .put(key: Key("k"), value: [UInt8](repeating: 7, count: 3 << 20), revisionOffset: 3 << 20)
    ])
    #expect(try TransactionCodec.decode(TransactionCodec.encode(large)) == large)
  }

  @Test func everyPrefixIsRefused() {
    let bytes = TransactionCodec.encode(Self.sample)
    for count in 0..<bytes.count {
      #expect(throws: CodecError.self) { try TransactionCodec.decode(Array(bytes[..<count])) }
    }
    #expect(throws: CodecError.self) { try TransactionCodec.decode(bytes + [0]) }
  }

  @Test func hostileBytesNeverTrap() {
    var random = SplitMix64(seed: 5)
    let bytes = TransactionCodec.encode(Self.sample)
    for _ in 0..<20_000 {
      var changed = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        changed[Int.random(in: 0..<changed.count, using: &random)] = .random(
          in: 0...255, using: &random)
      }
      if let decoded = try? TransactionCodec.decode(changed) {
        #expect((try? TransactionCodec.decode(TransactionCodec.encode(decoded))) == decoded)
      }
    }
  }

  @Test func versionsAreNamed() {
    #expect(throws: CodecError.unknownVersion(2)) { try TransactionCodec.decode([2, 0, 0]) }
    #expect(throws: CodecError.truncated(offset: 0)) { try TransactionCodec.decode([]) }
  }

  @Test func limits() {
    func refuses(_ transaction: Transaction, _ part: String) {
      let error = #expect(throws: CodecError.self) { try TransactionCodec.validate(transaction) }
      #expect(error?.description.contains(part) == true)
      #expect(throws: CodecError.self) {
        try TransactionCodec.decode(TransactionCodec.encode(transaction))
      }
    }
    refuses(transaction([]), "needs a mutation")
    refuses(transaction([put("a", "1"), delete("a")]), "changes key a twice")
    refuses(transaction([put("", "1")]), "never empty")
    refuses(transaction([put("a", "1", at: 2)]), "outside")
    refuses(transaction((0...10_000).map { delete("k\($0)") }), "10000 mutations")
    refuses(transaction([delete(String(repeating: "k", count: 5000))]), "a key has at most")
    let huge = [UInt8](repeating: 0, count: 4 << 20)
    refuses(transaction([.put(key: Key("k"), value: huge, revisionOffset: nil)]), "4194304 bytes")
    var wordy = transaction([delete("a")])
    wordy.provenance.agent = String(repeating: "a", count: 20_000)
    refuses(wordy, "at most 16384")
  }
}
