import Synchronization

/// How much of a list is made at a time. What waits for a client to take it is in memory,
/// encrypted, in buffers of a power of two.
///
/// Few lists at once get large pieces, each of which costs some calls of the system; of many, as
/// when all informers of a cluster start again, each gets what fits into two TLS records and a
/// buffer for them.
final class ListPieces: Sendable {
  /// A list that is being sent; it counts until it is let go, sent or not.
  final class Share: Sendable {
    private let pieces: ListPieces

    fileprivate init(_ pieces: ListPieces) {
      self.pieces = pieces
      pieces.active.add(1, ordering: .relaxed)
    }

    deinit { pieces.active.subtract(1, ordering: .relaxed) }

    private var areMany: Bool { pieces.active.load(ordering: .relaxed) > ListPieces.fewLists }

    /// Whether another object, of the size of those before, would be too much for a piece. An object that
    /// is larger than a piece travels whole.
    func isFull(_ writtenBytes: Int, objectBytes: Int) -> Bool {
      writtenBytes > 0 && writtenBytes + objectBytes >= bytes
    }

    /// For the next piece.
    var bytes: Int { areMany ? ListPieces.smallBytes : ListPieces.largeBytes }

    /// How many objects to read next for a piece, when the last ones had `objectBytes` on average.
    func objects(writtenBytes: Int, objectBytes: Int) -> Int {
      areMany
        ? max(1, min(ListPieces.objects, (bytes - writtenBytes) / max(1, objectBytes)))
        : ListPieces.objects
    }
  }

  static let fewLists = 64
  /// Objects that are read at a time.
  static let objects = 32
  static let largeBytes = 64 * 1024
  static let smallBytes = 30 * 1024

  private let active = Atomic<Int>(0)

  func begin() -> Share { Share(self) }
}
