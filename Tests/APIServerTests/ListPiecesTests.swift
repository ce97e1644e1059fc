import Testing

@testable import APIServer

@Suite struct ListPiecesTests {
  @Test func manyListsGetSmallPiecesUntilTheyAreFewAgain() {
    let pieces = ListPieces()
    var shares = (0..<ListPieces.fewLists).map { _ in pieces.begin() }
    let share = shares[0]
    #expect(share.bytes == ListPieces.largeBytes)
    #expect(share.objects(writtenBytes: 65_000, objectBytes: 5_000) == ListPieces.objects)
    #expect(!share.isFull(60_000, objectBytes: 5_000))
    #expect(share.isFull(60_536, objectBytes: 5_000))
    shares.append(pieces.begin())
    #expect(share.bytes == ListPieces.smallBytes)
    #expect(share.objects(writtenBytes: 0, objectBytes: 5_000) == 6)
    #expect(share.objects(writtenBytes: 0, objectBytes: 10) == ListPieces.objects)
    #expect(share.objects(writtenBytes: 30_620, objectBytes: 5_000) == 1)
    // A head may be larger than a piece is to be.
    #expect(share.objects(writtenBytes: 40_000, objectBytes: 0) == 1)
    #expect(share.isFull(25_720, objectBytes: 5_000))
    #expect(!share.isFull(25_719, objectBytes: 5_000))
    // What is larger than a piece travels alone.
    #expect(!share.isFull(0, objectBytes: 100_000))
    #expect(share.isFull(100_000, objectBytes: 100_000))
    shares.removeLast()
    #expect(share.bytes == ListPieces.largeBytes)
  }
}
