import EventLog
import EventStore
import Keyspace
import Raft

/// Changed files of a log: segments, blocks behind right checksums, the manifest, votes.
struct LogFuzz: FuzzTarget {
  let name = "log"
  private let files: [String: [UInt8]]
  private static let options = LogOptions(
    clusterID: 7, replicaID: 1, segmentBytes: 2_000, compressFromBytes: 400, blockBytes: 1_000)

  init() throws {
    let disk = MemoryDisk()
    var log = try EventLog.open(disk: disk, options: Self.options)
    for index in 1...24 as ClosedRange<UInt64> {
      let payload =
        index == 9
        ? Membership(voters: [1, 2, 3]).encoded
        : TransactionCodec.encode(Self.transaction(index, bytes: index % 5 == 0 ? 900 : 40))
      try log.append(
        [LogRecord(term: 1 + index / 10, index: index, kind: index == 9 ? 2 : 1, payload: payload)],
        vote: LogVote(term: 1 + index / 10, vote: 1 + index % 3, commit: index - 1))
      try log.sync()
    }
    files = disk.files
  }

  static func transaction(_ number: UInt64, bytes: Int) -> Transaction {
    Transaction(
      compares: [Compare(key: Key("pods/a"), revision: number)],
      mutations: [
        .put(
          key: Key("pods/\(number)"), value: Array(repeating: UInt8(number & 0x7F), count: bytes),
          revisionOffset: nil), .delete(key: Key("pods/b")),
      ],
      provenance: Provenance(user: "anna", agent: "fuzz", verb: "update"), requestID: number,
      timeMilliseconds: 1_000)
  }

  func run(_ mutator: inout ByteMutator) throws {
    let disk = MemoryDisk(files: files)
    let names = files.keys.sorted()
    for _ in 0...mutator.random.next(below: 2) {
      let name = mutator.random.pick(names)
      guard let bytes = disk.files[name] else { continue }
      disk.files[name] = change(bytes, &mutator)
    }
    let before = disk.files
    _ = try? LogVerifier.verify(disk: disk)
    let applied = LogPosition(
      index: UInt64(mutator.random.next(below: 30)), term: UInt64(mutator.random.next(below: 4)))
    if case .whole(let log, _)? = try? FoundLog.open(
      disk, options: Self.options, applied: applied, isInstalling: false)
    {
      read(log)
    }
    disk.files = before
    if let log = try? EventLog.open(disk: disk, options: Self.options) { read(log) }
  }

  private func change(_ bytes: [UInt8], _ mutator: inout ByteMutator) -> [UInt8] {
    switch mutator.random.next(below: 4) {
    case 0: return mutator.changed(bytes, splicing: Array(files.values))
    case 1 where bytes.count < 64: return ResealedBlock.withChecksum(mutator.changed(bytes))
    case 1:
      let size = min(ResealedBlock.segmentHeaderSize, bytes.count)
      return ResealedBlock.withChecksum(mutator.changed(Array(bytes[..<size]))) + bytes[size...]
    default:
      let block = mutator.random.next(below: 40)
      return ResealedBlock.changing(bytes, block: block) { $0 = mutator.changed($0) }
    }
  }

  private func read(_ log: EventLog<MemoryDisk>) {
    guard log.lastIndex > log.base.index, log.lastIndex - log.base.index < 10_000 else { return }
    let records = try? log.records(
      from: log.base.index + 1, through: log.lastIndex, maximumBytes: 0)
    for record in records ?? [] {
      _ = try? TransactionCodec.decode(record.payload)
      _ = Membership(encoded: record.payload)
    }
  }
}
