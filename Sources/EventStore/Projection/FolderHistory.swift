import EventLog
import Foundation
import Keyspace

/// The history in a replica's folder, of a replica that is stopped or runs, with nothing else at
/// hand. Nothing in the folder is changed.
///
/// What the projection has is read there; what the log has beyond it is replayed into a table in
/// memory or a temporary file. Where there is no projection, or a damaged one, all of the log is
/// replayed, which gives everything if the log still begins with the first entry.
///
/// A log's entries up to the commit hint in its newest vote record are surely committed. Later
/// ones most often are too, but this folder alone can't tell: their events are shown with
/// `isCommitted` false.
public struct FolderHistory: Sendable {
  public let reader: HistoryReader
  /// What was found, for people: an unusable projection, an incomplete write, entries that may
  /// not be committed.
  public let notes: [String]
  /// Entries replayed from the log.
  public let replayedEntries: Int
  /// Those of them beyond the commit hint.
  public let uncommittedEntries: Int

  // Removes copies in temporary files when nobody reads them any more.
  private let temporary: TemporaryFolder?

  /// Opens the folder of a replica: that with `projection.sqlite` and `log` in it.
  public static func open(_ path: String) throws(ProjectionError) -> FolderHistory {
    var builder = FolderHistoryBuilder(path: path)
    return try builder.open()
  }

  init(
    reader: HistoryReader, notes: [String], replayedEntries: Int, uncommittedEntries: Int,
    temporary: TemporaryFolder?
  ) {
    self.reader = reader
    self.notes = notes
    self.replayedEntries = replayedEntries
    self.uncommittedEntries = uncommittedEntries
    self.temporary = temporary
  }
}

/// A folder that goes with its last owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws(ProjectionError) {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("taffrail-history-\(UUID().uuidString)").path
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw .failed("make \(path): \(error.localizedDescription)") }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
