import CLZ4

/// Turns what one append writes into blocks.
struct BlockBuilder {
  struct Built {
    /// From the first byte that the builder made.
    var offset: Int
    var size: Int
    /// The entries in it, if any.
    var entries: ClosedRange<UInt64>?
  }

  private(set) var bytes: [UInt8] = []
  private(set) var blocks: [Built] = []
  private(set) var chain: UInt64
  private let syncedLength: Int
  private let options: LogOptions
  private var content: [UInt8] = []
  private var contentChain: UInt64
  private var entries: ClosedRange<UInt64>?

  init(chain: UInt64, syncedLength: Int, options: LogOptions) {
    self.chain = chain
    contentChain = chain
    self.syncedLength = syncedLength
    self.options = options
  }

  mutating func add(_ vote: LogVote) {
    var payload: [UInt8] = []
    payload.appendInteger(vote.vote)
    payload.appendInteger(vote.commit)
    StoredRecord.append(
      type: .vote, term: vote.term, index: 0, payload: payload, to: &content, chain: &chain)
  }

  mutating func addEnd(_ position: LogPosition) {
    StoredRecord.append(
      type: .end, term: position.term, index: position.index, payload: [], to: &content,
      chain: &chain)
  }

  mutating func add(_ record: LogRecord) {
    if !content.isEmpty, content.count + record.payload.count > options.blockBytes { flush() }
    StoredRecord.append(
      type: .entry, kind: record.kind, term: record.term, index: record.index,
      payload: record.payload, to: &content, chain: &chain)
    entries = (entries?.lowerBound ?? record.index)...record.index
  }

  /// Ends the block that is being filled.
  mutating func flush() {
    guard !content.isEmpty else { return }
    let compressed = content.count >= options.compressFromBytes ? compress(content) : nil
    let stored = compressed ?? content
    let header = BlockHeader(
      storedLength: stored.count, contentLength: content.count, isCompressed: compressed != nil,
      chain: contentChain, syncedLength: syncedLength,
      checksum: CRC32C.checksum(stored, in: 0..<stored.count))
    let offset = bytes.count
    bytes += header.encoded()
    bytes += stored
    blocks.append(Built(offset: offset, size: bytes.count - offset, entries: entries))
    content.removeAll(keepingCapacity: true)
    contentChain = chain
    entries = nil
  }

  /// `nil` where it would save less than an eighth.
  private func compress(_ content: [UInt8]) -> [UInt8]? {
    let capacity = content.count - content.count / 8
    var size: Int32 = 0
    let compressed = content.withUnsafeBytes { source in
      [UInt8](unsafeUninitializedCapacity: capacity) { target, count in
        size = LZ4_compress_default(
          source.baseAddress?.assumingMemoryBound(to: CChar.self),
          UnsafeMutableRawPointer(target.baseAddress)?.assumingMemoryBound(to: CChar.self),
          Int32(source.count), Int32(capacity))
        count = max(0, Int(size))
      }
    }
    return size > 0 ? compressed : nil
  }
}
