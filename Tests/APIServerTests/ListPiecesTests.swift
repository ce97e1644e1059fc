import Testing

@testable import APIServer

@Suite struct ListPiecesTests {
  @Test func manyListsGetSmallPiecesUntilTheyAreFewAgain() {
    let pieces = ListPieces()
    var shares = (0..<ListPieces.fewLists).map { _ in pieces.begin() }
    #expect(shares[0].bytes == ListPieces.largeBytes)
    #expect(shares[0].objects(bytes: 100, objectBytes: 5_000) == ListPieces.objects)
    shares.append(pieces.begin())
    #expect(shares[0].bytes == ListPieces.smallBytes)
    #expect(shares[0].objects(bytes: 30_720, objectBytes: 5_000) == 6)
    #expect(shares[0].objects(bytes: 30_720, objectBytes: 10) == ListPieces.objects)
    #expect(shares[0].objects(bytes: 100, objectBytes: 5_000) == 1)
    #expect(shares[0].objects(bytes: 0, objectBytes: 0) == 1)
    shares.removeLast()
    #expect(shares[0].bytes == ListPieces.largeBytes)
  }
}
