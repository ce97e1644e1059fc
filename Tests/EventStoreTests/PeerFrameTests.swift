import NIOCore
import Raft
import Testing

@testable import EventStore

@Suite struct PeerFrameTests {
  static let messages: [PeerMessage] = [
    .propose([[1, 2, 3], []]), .refuse(requestIDs: [7, .max], reason: .noSpace),
    raft(.preVote(lastIndex: 9, lastTerm: 8)), raft(.preVoteResponse(granted: true)),
    raft(.requestVote(lastIndex: 1, lastTerm: 2, transfer: true)),
    raft(.voteResponse(granted: false)),
    raft(
      .append(
        previousIndex: 4, previousTerm: 3,
        entries: [
          LogEntry(term: 3, index: 5, kind: .empty, payload: []),
          LogEntry(term: 4, index: 6, kind: .command, payload: [1, 2, 3]),
        ], commit: 4)),
    raft(.appendResponse(rejected: true, index: 1, hintIndex: 2, hintTerm: 3)),
    raft(.heartbeat(commit: 5, readContext: .max)), raft(.heartbeatResponse(readContext: 6)),
    raft(.snapshot(index: 10, term: 2)), raft(.readIndex(context: .max)),
    raft(.readIndexResponse(context: 3, index: 4)), raft(.timeoutNow),
  ]

  static let frames: [PeerFrame] = [
    .hello(PeerHello(version: 1, clusterID: .max, from: 1, to: 2, purpose: .snapshot)), .welcome,
    .refusal("no"), .messages(messages),
    .snapshotHeader(
      SnapshotHeader(
        leaderTerm: 1, identity: SnapshotIdentity(index: 2, term: 3, byteCount: 4, checksum: 5))),
    .snapshotResume(offset: .max, checksum: 7), .snapshotStart(8), .snapshotTaken(9),
    .snapshotBlock(SnapshotBlock([1, 2, 3])), .snapshotEnd, .snapshotResult(""),
  ]

  static func raft(_ body: Message.Body) -> PeerMessage {
    .raft(Message(from: 1, to: 2, term: 3, body: body))
  }

  private func decode(_ bytes: [UInt8]) throws -> PeerFrame? {
    var decoder = PeerFrameDecoder()
    var buffer = ByteBuffer(bytes: bytes)
    return try decoder.decode(buffer: &buffer)
  }

  private func bytes(_ frame: PeerFrame) -> [UInt8] {
    var buffer = ByteBuffer()
    frame.encode(into: &buffer)
    return Array(buffer.readableBytesView)
  }

  @Test(arguments: frames) func framesComeBackAsTheyWere(_ frame: PeerFrame) throws {
    #expect(try decode(bytes(frame)) == frame)
  }

  @Test(arguments: frames) func everyCutFrameWaitsOrFails(_ frame: PeerFrame) throws {
    let whole = bytes(frame)
    for count in 0..<whole.count {
      #expect(try decode(Array(whole[..<count])) == nil)
      // The same bytes, with a length that says that this is all.
      guard count > 4 else { continue }
      var cut = Array(whole[..<count])
      withUnsafeBytes(of: UInt32(count - 4).bigEndian) { cut.replaceSubrange(0..<4, with: $0) }
      #expect(throws: PeerFrameError.self) { try decode(cut) }
    }
  }

  @Test(arguments: frames) func flippedBytesNeverCrash(_ frame: PeerFrame) {
    let whole = bytes(frame)
    for position in 4..<whole.count {
      for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
        var changed = whole
        changed[position] = value
        _ = try? decode(changed)
      }
    }
  }

  @Test func numbersNearTheEndOfTheRangeAreRefused() {
    let frame = PeerFrame.messages([
      Self.raft(.append(previousIndex: .max, previousTerm: 1, entries: [], commit: 0))
    ])
    #expect(throws: PeerFrameError.self) { try decode(bytes(frame)) }
  }

  @Test func blocksAreChecked() {
    let original = [UInt8](repeating: 7, count: 100_000)
    var block = SnapshotBlock(original)
    #expect(block.decompressed() == original)
    block.checksum ^= 1
    #expect(block.decompressed() == nil)
    block = SnapshotBlock(original)
    block.originalCount = 1 << 30
    #expect(block.decompressed() == nil)
    block = SnapshotBlock(original)
    block.compressed.removeLast()
    #expect(block.decompressed() == nil)
  }
}
