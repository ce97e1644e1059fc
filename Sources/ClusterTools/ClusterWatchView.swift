import JSONDocument

/// What `taffrail cluster watch` draws: a table of the replicas, rates since the last look, and
/// bars for those that catch up. Knows nothing of clocks and terminals but what it is told.
public struct ClusterWatchView: Sendable {
  /// Entries behind from which on a replica counts as catching up.
  static let catchingUpEntries: Int64 = 256
  static let barWidth = 30

  private struct Seen: Sendable {
    var seconds: Double
    var revision: Int64
    var applied: Int64
  }

  private let name: String
  private let isTerminal: Bool
  private var seen: [Int: Seen] = [:]
  /// The furthest that a replica was behind since it began to catch up.
  private var widest: [Int: Int64] = [:]
  private var drawnLines = 0

  public init(name: String, isTerminal: Bool) {
    self.name = name
    self.isTerminal = isTerminal
  }

  static let header = [
    "ID", "ROLE", "TERM", "COMMIT", "APPLIED", "LAG", "WRITES/S", "LOG", "OBJECTS",
  ]

  /// The next picture. On a terminal it begins by going back over the last one.
  public mutating func frame(
    _ status: ClusterStatus, atSeconds seconds: Double, columns: Int
  ) -> String {
    var lines = [headline(status)]
    let rows = status.replicas.map { row($0, status, seconds) }
    lines += table([Self.header] + rows)
    for replica in status.replicas {
      let bar = bar(replica, status, lag: status.lag(of: replica))
      // Below the table, so that it is seen whole on a narrow terminal.
      if !bar.isEmpty { lines.append("server \(replica.id) \(bar)") }
    }
    for replica in status.replicas {
      if let failure = replica.failure { lines.append("replica \(replica.id): \(failure)") }
    }
    lines = lines.map { String($0.prefix(max(20, columns))) }
    guard isTerminal else { return lines.joined(separator: "\n") + "\n\n" }
    defer { drawnLines = lines.count }
    // Up to the first line of the last picture, then each line anew, then away with what is left.
    let back = drawnLines > 0 ? "\u{1B}[\(drawnLines)A" : ""
    return back + "\r" + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J"
  }

  private func headline(_ status: ClusterStatus) -> String {
    let running = status.replicas.count { $0.answer != nil }
    let leader = status.leader.map { "server \($0.id) leads" } ?? "no leader"
    return "cluster \(name): \(running) of \(status.replicas.count) servers answer, \(leader)"
  }

  private mutating func row(
    _ replica: ClusterStatus.Replica, _ status: ClusterStatus, _ seconds: Double
  ) -> [String] {
    func text(_ key: String) -> String { replica.number(key).map(String.init) ?? "-" }
    let lag = status.lag(of: replica)
    return [
      String(replica.id), replica.role, text("term"), text("commit"), text("applied"),
      lag.map(String.init) ?? "-", writes(replica, seconds),
      replica.number("logBytes").map(ClusterStatus.size) ?? "-", text("keys"),
    ]
  }

  private mutating func writes(_ replica: ClusterStatus.Replica, _ seconds: Double) -> String {
    guard let revision = replica.number("revision"), let applied = replica.number("applied")
    else {
      seen[replica.id] = nil
      return "-"
    }
    defer { seen[replica.id] = Seen(seconds: seconds, revision: revision, applied: applied) }
    guard let last = seen[replica.id], seconds > last.seconds, revision >= last.revision else {
      return "-"
    }
    return figure(Double(revision - last.revision) / (seconds - last.seconds))
  }

  /// How far a state that is on its way has come, else how much of what it lacked it has.
  private mutating func bar(
    _ replica: ClusterStatus.Replica, _ status: ClusterStatus, lag: Int64?
  ) -> String {
    if let (bytes, total) = snapshot(to: replica.id, status) {
      widest[replica.id] = nil
      return Self.bar(Double(bytes) / Double(max(1, total)))
        + " state \(ClusterStatus.size(bytes)) of \(ClusterStatus.size(total))"
    }
    guard let lag, lag > (widest[replica.id] == nil ? Self.catchingUpEntries : 0) else {
      widest[replica.id] = nil
      return ""
    }
    let most = max(widest[replica.id] ?? lag, lag)
    widest[replica.id] = most
    return Self.bar(Double(most - lag) / Double(most)) + " \(lag) entries to go"
  }

  /// What the leader says of a state that it streams to a replica: it knows also of one that does
  /// not answer yet.
  private func snapshot(to id: Int, _ status: ClusterStatus) -> (Int64, Int64)? {
    for sender in status.replicas {
      for peer in sender.answer?["peers"]?.arrayValue ?? [] where peer["id"]?.intValue == Int64(id)
      {
        guard let state = peer["snapshot"], let bytes = state["bytes"]?.intValue,
          let total = state["totalBytes"]?.intValue
        else { continue }
        return (bytes, total)
      }
    }
    return nil
  }

  /// `[######----] 60 %`.
  static func bar(_ fraction: Double) -> String {
    let part = min(1, max(0, fraction))
    let full = Int(part * Double(barWidth))
    return "[" + String(repeating: "#", count: full)
      + String(repeating: "-", count: barWidth - full) + "] \(Int(part * 100)) %"
  }

  private func table(_ rows: [[String]]) -> [String] {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (cell, width) in zip(row, widths) {
        line += cell + String(repeating: " ", count: width - cell.count + 3)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
