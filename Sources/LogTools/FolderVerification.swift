import EventLog

/// Checks a replica's log, and says what it found.
public enum FolderVerification {
  /// - Returns: lines for people, and whether all was well.
  public static func run(folder: String) throws -> (text: String, isIntact: Bool) {
    let result: LogVerification
    do {
      result = try LogVerifier.verify(disk: try FileDisk(path: "\(folder)/log", access: .readOnly))
    } catch let error as DiskError {
      throw LogToolError("\(folder) can't be read: \(error)")
    } catch let error as LogError {
      return ("\(folder): \(error)\n", false)
    }
    var text = ""
    for segment in result.segments {
      let span = segment.firstIndex.flatMap { first in
        segment.lastIndex.map { "entries \(first) to \($0)" }
      }
      text +=
        "\(folder)/log/\(segment.name): \(segment.bytes) bytes, \(segment.blocks) blocks,"
        + " \(segment.records) records, \(span ?? "no entries")\n"
    }
    if let torn = result.tornTail {
      text += "\(folder): the last write was cut short: \(torn); the next start cuts it off\n"
    }
    for problem in result.problems { text += "\(folder)/log/\(problem)\n" }
    text +=
      result.isGood
      ? "\(folder): ok, \(result.segments.count) segments, \(result.records) records,"
        + " \(result.bytes) bytes\n"
      : "\(folder): damaged; move the folder away and start the server again: its peers send the"
        + " state\n"
    return (text, result.isGood)
  }
}
