/// Why bytes are no transaction, or a transaction can't be taken.
public enum CodecError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The first byte is a version that this program does not know.
  case unknownVersion(UInt8)
  /// The bytes end in the middle.
  case truncated(offset: Int)
  /// A field is not what the format allows.
  case malformed(offset: Int, reason: String)
  /// A bound of `TransactionLimits` is exceeded, a key is given twice, nothing is there to do.
  case invalid(String)

  public var description: String {
    switch self {
    case .unknownVersion(let version):
      "transaction format \(version) is not known here; was it written by a newer version?"
    case .truncated(let offset): "the transaction ends early, at byte \(offset)"
    case .malformed(let offset, let reason):
      "the transaction is malformed at byte \(offset): \(reason)"
    case .invalid(let reason): reason
    }
  }
}

/// What one transaction may hold. API servers accept bodies of 3 MiB; the slack is for what
/// defaults and metadata add.
public enum TransactionLimits {
  public static let valueBytes = (3 << 20) + (256 << 10)
  public static let keyBytes = 4 << 10
  public static let textBytes = 16 << 10
  public static let mutations = 10_000
  public static let compares = 10_000
  public static let totalBytes = 32 << 20
}

/// Transactions as bytes, as the log's payloads hold them.
///
/// Version 1: the byte 1; request id, time (8 bytes each, little endian); cause (varint); user,
/// impersonator, agent, verb, subresource (varint length, UTF-8); the number of compares, each a
/// key (varint length, bytes) and a revision (varint); the number of mutations, each a kind
/// (0 put, 1 put with revision offset, 2 delete), a key, for puts a value (varint length, bytes)
/// and for kind 1 an offset (varint). Varints are LEB128 of at most ten bytes.
public enum TransactionCodec {
  static let version: UInt8 = 1

  public static func encode(_ transaction: Transaction) -> [UInt8] {
    let provenance = transaction.provenance
    var writer = ByteWriter(reserving: encodedSizeEstimate(transaction))
    writer.byte(version)
    writer.fixed(transaction.requestID)
    writer.fixed(transaction.timeMilliseconds)
    writer.varint(provenance.cause)
    writer.text(provenance.user)
    writer.text(provenance.impersonator)
    writer.text(provenance.agent)
    writer.text(provenance.verb)
    writer.text(provenance.subresource)
    writer.varint(UInt64(transaction.compares.count))
    for compare in transaction.compares {
      writer.block(compare.key.bytes)
      writer.varint(compare.revision)
    }
    writer.varint(UInt64(transaction.mutations.count))
    for mutation in transaction.mutations {
      switch mutation {
      case .put(let key, let value, let offset):
        writer.byte(offset == nil ? 0 : 1)
        writer.block(key.bytes)
        writer.block(value)
        if let offset { writer.varint(UInt64(max(0, offset))) }
      case .delete(let key):
        writer.byte(2)
        writer.block(key.bytes)
      }
    }
    return writer.bytes
  }

  /// Reads what `encode` wrote, and refuses everything else, also what `validate` refuses.
  public static func decode(_ bytes: [UInt8]) throws(CodecError) -> Transaction {
    if bytes.count > TransactionLimits.totalBytes {
      throw .invalid("a transaction of \(bytes.count) bytes is too large")
    }
    var reader = ByteReader(bytes)
    let version = try reader.byte()
    guard version == Self.version else { throw .unknownVersion(version) }
    let requestID = try reader.fixed()
    let time = try reader.fixed()
    let cause = try reader.varint()
    let user = try reader.text()
    let impersonator = try reader.text()
    let agent = try reader.text()
    let verb = try reader.text()
    let subresource = try reader.text()
    var compares: [Compare] = []
    for _ in 0..<(try reader.count(limit: TransactionLimits.compares, of: "compares")) {
      let key = Key(bytes: try reader.block(limit: TransactionLimits.keyBytes))
      compares.append(Compare(key: key, revision: try reader.varint()))
    }
    var mutations: [Mutation] = []
    for _ in 0..<(try reader.count(limit: TransactionLimits.mutations, of: "mutations")) {
      mutations.append(try mutation(from: &reader))
    }
    try reader.end()
    let transaction = Transaction(
      compares: compares, mutations: mutations,
      provenance: Provenance(
        user: user, impersonator: impersonator, agent: agent, verb: verb,
        subresource: subresource, cause: cause),
      requestID: requestID, timeMilliseconds: time)
    try validate(transaction)
    return transaction
  }

  private static func mutation(from reader: inout ByteReader) throws(CodecError) -> Mutation {
    let start = reader.offset
    let kind = try reader.byte()
    guard kind <= 2 else {
      throw .malformed(offset: start, reason: "mutation kind \(kind) is not known")
    }
    let key = Key(bytes: try reader.block(limit: TransactionLimits.keyBytes))
    if kind == 2 { return .delete(key: key) }
    let value = try reader.block(limit: TransactionLimits.valueBytes)
    if kind == 0 { return .put(key: key, value: value, revisionOffset: nil) }
    let offsetStart = reader.offset
    let offset = try reader.varint()
    guard offset <= UInt64(value.count) else {
      throw .malformed(offset: offsetStart, reason: "the revision's place is outside of the value")
    }
    return .put(key: key, value: value, revisionOffset: Int(offset))
  }

  private static func encodedSizeEstimate(_ transaction: Transaction) -> Int {
    var size = 256
    for compare in transaction.compares { size += compare.key.bytes.count + 12 }
    for mutation in transaction.mutations {
      size += mutation.key.bytes.count + 16
      if case .put(_, let value, _) = mutation { size += value.count }
    }
    return size
  }
}

extension TransactionCodec {
  /// Checks a transaction before it is proposed: what passes here can be decoded by every
  /// replica.
  public static func validate(_ transaction: Transaction) throws(CodecError) {
    if transaction.mutations.isEmpty && transaction.compares.isEmpty {
      throw .invalid("a transaction needs a mutation or a compare")
    }
    if transaction.mutations.count > TransactionLimits.mutations {
      throw .invalid("a transaction has at most \(TransactionLimits.mutations) mutations")
    }
    if transaction.compares.count > TransactionLimits.compares {
      throw .invalid("a transaction has at most \(TransactionLimits.compares) compares")
    }
    var total = 256
    for compare in transaction.compares {
      try validate(compare.key)
      total += compare.key.bytes.count + 12
    }
    var keys = Set<Key>()
    let isSingle = transaction.mutations.count == 1
    for mutation in transaction.mutations {
      try validate(mutation.key)
      total += mutation.key.bytes.count + 16
      guard isSingle || keys.insert(mutation.key).inserted else {
        throw .invalid("a transaction changes key \(mutation.key) twice")
      }
      guard case .put(_, let value, let offset) = mutation else { continue }
      total += value.count
      if value.count > TransactionLimits.valueBytes {
        throw .invalid(
          "the value of \(mutation.key) has \(value.count) bytes; "
            + "at most \(TransactionLimits.valueBytes) are allowed")
      }
      if let offset, offset < 0 || offset > value.count {
        throw .invalid("the revision's place is outside of the value of \(mutation.key)")
      }
    }
    let provenance = transaction.provenance
    let texts = (
      provenance.user.utf8.count, provenance.impersonator.utf8.count, provenance.agent.utf8.count,
      provenance.verb.utf8.count, provenance.subresource.utf8.count
    )
    let longest = max(texts.0, texts.1, texts.2, texts.3, texts.4)
    guard longest <= TransactionLimits.textBytes else {
      throw .invalid("user, agent and verb have at most \(TransactionLimits.textBytes) bytes")
    }
    total += texts.0 + texts.1 + texts.2 + texts.3 + texts.4 + 20
    if total > TransactionLimits.totalBytes {
      throw .invalid("a transaction has at most \(TransactionLimits.totalBytes) bytes")
    }
  }

  private static func validate(_ key: Key) throws(CodecError) {
    if key.bytes.isEmpty { throw .invalid("a key is never empty") }
    if key.bytes.count > TransactionLimits.keyBytes {
      throw .invalid("a key has at most \(TransactionLimits.keyBytes) bytes")
    }
  }
}
