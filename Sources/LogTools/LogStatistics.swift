import EventStore
import KubernetesAPI

/// How much the log holds, of whom and of what.
public enum LogStatistics {
  public static func text(of source: FolderLogSource) throws -> String {
    let statistics = try source.statistics()
    func time(_ milliseconds: UInt64?) -> String {
      milliseconds.map { Timestamp(milliseconds: Int64(clamping: $0)).rfc3339() } ?? "-"
    }
    var text = ColumnText.render(
      header: nil,
      rows: [
        ["events", String(statistics.events)],
        ["bytes", String(statistics.bytes)],
        [
          "revisions",
          "\(statistics.firstRevision ?? 0) to \(statistics.lastRevision ?? 0)",
        ],
        [
          "time",
          "\(time(statistics.firstTimeMilliseconds)) to \(time(statistics.lastTimeMilliseconds))",
        ],
      ])
    for (title, counts) in [
      ("USER", statistics.users), ("RESOURCE", statistics.kinds), ("VERB", statistics.verbs),
    ] {
      text += "\n"
      text += ColumnText.render(
        header: [title, "EVENTS", "BYTES"],
        rows: counts.map { [$0.name.isEmpty ? "-" : $0.name, String($0.events), String($0.bytes)] })
    }
    return text
  }
}
