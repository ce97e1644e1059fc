import Testing

@testable import EventStore

/// The two sides of a streamed state, as plain values.
@Suite struct SnapshotTransferTests {
  private static let block = UInt64(SnapshotBlock.maximumBytes)

  /// Everything that can be done without hearing from the peer.
  private func run(_ transfer: inout OutgoingTransfer) -> [OutgoingTransfer.Action] {
    var actions: [OutgoingTransfer.Action] = []
    while let action = transfer.next() {
      actions.append(action)
      if case .finish = action { break }
    }
    return actions
  }

  @Test func nothingIsSentBeforeThePeerSaysWhatItHas() {
    var transfer = OutgoingTransfer(byteCount: 10)
    #expect(transfer.next() == nil)
    transfer.peerHas(0, checksum: 0)
    #expect(run(&transfer) == [.begin(offset: 0), .send(offset: 0, count: 10), .end])
    #expect(transfer.awaitsResult)
    transfer.peerTook(10)
    transfer.answered("")
    #expect(run(&transfer) == [.finish(problem: "")])
  }

  @Test func goesOnWhereThePeerIsIfTheBytesAreTheSame() {
    var transfer = OutgoingTransfer(byteCount: 100)
    transfer.peerHas(60, checksum: 7)
    #expect(run(&transfer) == [.verify(count: 60, checksum: 7)])
    transfer.verified(true)
    #expect(run(&transfer) == [.begin(offset: 60), .send(offset: 60, count: 40), .end])
    #expect(transfer.resumedAt == 60)
  }

  @Test func beginsAgainIfThePeersBytesDiffer() {
    var transfer = OutgoingTransfer(byteCount: 100)
    transfer.peerHas(60, checksum: 7)
    _ = run(&transfer)
    transfer.verified(false)
    #expect(run(&transfer) == [.begin(offset: 0), .send(offset: 0, count: 100), .end])
  }

  @Test func completeStateIsNotSentAgain() {
    var transfer = OutgoingTransfer(byteCount: 100)
    transfer.peerHas(100, checksum: 7)
    _ = run(&transfer)
    transfer.verified(true)
    #expect(run(&transfer) == [.begin(offset: 100), .end])
  }

  @Test func noMoreThanTheWindowIsOnItsWay() {
    var transfer = OutgoingTransfer(byteCount: 100 * Self.block)
    transfer.peerHas(0, checksum: 0)
    var (sent, taken, rounds) = (UInt64(0), UInt64(0), 0)
    while sent < transfer.byteCount {
      for action in run(&transfer) {
        if case .send(let offset, let count) = action {
          #expect(offset == sent)
          sent += UInt64(count)
        }
      }
      #expect(sent - taken <= OutgoingTransfer.windowBytes)
      taken = min(sent, taken + Self.block)
      transfer.peerTook(taken)
      rounds += 1
    }
    #expect(rounds > 50)
  }

  @Test func acknowledgingWhatWasNotSentEndsIt() {
    var transfer = OutgoingTransfer(byteCount: 10)
    transfer.peerHas(0, checksum: 0)
    transfer.peerTook(5)
    guard case .finish(let problem) = transfer.next() else {
      Issue.record("it goes on")
      return
    }
    #expect(problem.contains("acknowledges 5 of 0"))
  }

  @Test func receiverKnowsWhatItHas() throws {
    let identity = SnapshotIdentity(index: 1, term: 1, byteCount: 100, checksum: 42)
    var transfer = IncomingTransfer(identity: identity, present: 60, checksum: 7)
    #expect(throws: IncomingTransfer.Problem.self) { try transfer.take(1, checksum: 8) }
    #expect(throws: IncomingTransfer.Problem.self) { try transfer.begin(at: 30) }
    #expect(try !transfer.begin(at: 60))
    #expect(throws: IncomingTransfer.Problem.self) { try transfer.begin(at: 60) }
    try transfer.take(30, checksum: 9)
    #expect(throws: IncomingTransfer.Problem.self) { try transfer.end() }
    #expect(throws: IncomingTransfer.Problem.self) { try transfer.take(11, checksum: 42) }
    try transfer.take(10, checksum: 42)
    try transfer.end()

    var again = IncomingTransfer(identity: identity, present: 60, checksum: 7)
    #expect(try again.begin(at: 0))
    #expect(again.received == 0 && again.checksum == 0)
    try again.take(100, checksum: 43)
    #expect(throws: IncomingTransfer.Problem.self) { try again.end() }
  }

  @Test func identityIsReadAsItWasWritten() {
    let identity = SnapshotIdentity(index: 1, term: 2, byteCount: .max, checksum: .max)
    #expect(SnapshotIdentity(text: identity.text) == identity)
    for text in ["", "1 2 3", "1 2 3 x", "1 2 3 4 5", "1 2 3 99999999999"] {
      #expect(SnapshotIdentity(text: text) == nil)
    }
  }
}
