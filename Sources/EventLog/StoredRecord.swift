/// A record as a block's content holds it: a header of 36 bytes, then the payload.
struct StoredRecord: Sendable, Hashable {
  enum Kind: UInt8, Sendable {
    case entry = 1
    /// `term` is the replica's, the payload its vote and commit hint.
    case vote = 2
    /// The log ends at `index`, whose entry has `term`: what was after it is replaced.
    case end = 3
  }

  static let headerSize = 36

  var type: Kind
  var kind: UInt8
  var term: UInt64
  var index: UInt64
  /// Where the payload lies in the content.
  var payload: Range<Int>

  /// Appends a record to `content` and moves `chain` on.
  static func append(
    type: Kind, kind: UInt8 = 0, term: UInt64, index: UInt64, payload: [UInt8],
    to content: inout [UInt8], chain: inout UInt64
  ) {
    chain = payload.withUnsafeBytes {
      ChainHash.next(
        after: chain, type: type.rawValue, kind: kind, term: term, index: index, payload: $0)
    }
    let start = content.count
    content.appendInteger(0 as UInt32)
    content.appendInteger(UInt32(payload.count))
    content.append(type.rawValue)
    content.append(kind)
    content.appendInteger(0 as UInt16)
    content.appendInteger(term)
    content.appendInteger(index)
    content.appendInteger(chain)
    content += payload
    content.setInteger(CRC32C.checksum(content, in: (start + 4)..<content.count), at: start)
  }

  /// Reads the record at `offset` and moves both on; throws what is wrong with it.
  static func next(
    in content: [UInt8], at offset: inout Int, chain: inout UInt64
  ) throws(FormatProblem) -> StoredRecord {
    guard content.count - offset >= headerSize else {
      throw FormatProblem(offset: offset, reason: "a record's header ends early")
    }
    let length = Int(content.integer(at: offset + 4, as: UInt32.self))
    guard length <= content.count - offset - headerSize else {
      throw FormatProblem(offset: offset, reason: "a record ends early")
    }
    let payload = (offset + headerSize)..<(offset + headerSize + length)
    guard
      CRC32C.checksum(content, in: (offset + 4)..<payload.upperBound)
        == content.integer(at: offset, as: UInt32.self)
    else { throw FormatProblem(offset: offset, reason: "a record's checksum is wrong") }
    guard let type = Kind(rawValue: content[offset + 8]) else {
      throw FormatProblem(offset: offset, reason: "a record has an unknown type")
    }
    let record = StoredRecord(
      type: type, kind: content[offset + 9], term: content.integer(at: offset + 12),
      index: content.integer(at: offset + 20), payload: payload)
    let expected = content.withUnsafeBytes {
      ChainHash.next(
        after: chain, type: type.rawValue, kind: record.kind, term: record.term,
        index: record.index, payload: UnsafeRawBufferPointer(rebasing: $0[payload]))
    }
    guard expected == content.integer(at: offset + 28) else {
      throw FormatProblem(
        offset: offset, reason: "a record does not continue the chain of those before it")
    }
    if type == .vote, length != 16 {
      throw FormatProblem(offset: offset, reason: "a vote has a wrong length")
    }
    chain = expected
    offset = payload.upperBound
    return record
  }

  /// The vote of a record of that type.
  func vote(in content: [UInt8]) -> LogVote {
    LogVote(
      term: term, vote: content.integer(at: payload.lowerBound),
      commit: content.integer(at: payload.lowerBound + 8))
  }
}

/// What is wrong, and at which byte.
struct FormatProblem: Error, Sendable, Hashable {
  var offset: Int
  var reason: String
}
