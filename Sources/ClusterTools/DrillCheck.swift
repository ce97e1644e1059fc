/// What a failover drill saw, and whether it keeps what the cluster promises: every acknowledged
/// write is there, and a watcher saw every event once and in order.
public struct DrillCheck: Sendable {
  /// Names whose creation the API acknowledged, with the revision it answered (0 where a retry
  /// found the object already there).
  public var acknowledged: [String: UInt64] = [:]
  /// Creations as the watcher received them.
  public var watched: [(name: String, revision: UInt64)] = []
  /// What a list after the drill returned.
  public var listed: [String: UInt64] = [:]

  public init() {}

  /// What is wrong, a sentence each; empty when all promises held.
  public var violations: [String] {
    var violations: [String] = []
    let lost = acknowledged.keys.filter { listed[$0] == nil }.sorted()
    if !lost.isEmpty {
      violations.append(
        "\(lost.count) acknowledged writes are gone: \(lost.prefix(5).joined(separator: ", "))")
    }
    for (name, revision) in acknowledged.sorted(by: { $0.key < $1.key })
    where revision != 0 && listed[name] != nil && listed[name] != revision {
      violations.append(
        "\(name) was acknowledged at revision \(revision) but stands at \(listed[name] ?? 0)")
    }
    var seen: [String: Int] = [:]
    var last: UInt64 = 0
    for (name, revision) in watched {
      seen[name, default: 0] += 1
      if revision <= last {
        violations.append("the watcher saw revision \(revision) after \(last)")
      }
      last = max(last, revision)
    }
    let repeated = seen.filter { $0.value > 1 }.keys.sorted()
    if !repeated.isEmpty {
      violations.append("the watcher saw twice: \(repeated.prefix(5).joined(separator: ", "))")
    }
    let missed = listed.keys.filter { seen[$0] == nil }.sorted()
    if !missed.isEmpty {
      violations.append(
        "the watcher missed \(missed.count): \(missed.prefix(5).joined(separator: ", "))")
    }
    let phantom = seen.keys.filter { listed[$0] == nil }.sorted()
    if !phantom.isEmpty {
      violations.append(
        "the watcher saw what is not there: \(phantom.prefix(5).joined(separator: ", "))")
    }
    return violations
  }
}
