import Synchronization

/// Counters in Prometheus' text form.
final class Metrics: Sendable {
  private struct Label: Hashable {
    var verb: String
    var resource: String
    var code: Int
  }

  private struct State {
    var requests: [Label: Int] = [:]
    var watches = 0
    var watchesStarted = 0
  }

  /// A bound on label combinations, since resources come from paths.
  private static let maximumLabels = 4096
  private let state = Mutex(State())

  func count(verb: String, resource: String, code: Int) {
    state.withLock { state in
      var label = Label(verb: verb, resource: code == 404 ? "" : resource, code: code)
      if state.requests[label] == nil, state.requests.count >= Self.maximumLabels {
        label = Label(verb: "other", resource: "", code: code)
      }
      state.requests[label, default: 0] += 1
    }
  }

  func watchStarted() {
    state.withLock { state in
      state.watches += 1
      state.watchesStarted += 1
    }
  }

  func watchEnded() { state.withLock { $0.watches -= 1 } }

  /// - Parameter revision: the revision that the store has applied here.
  func text(revision: UInt64) -> String {
    let snapshot = state.withLock { $0 }
    var lines = [
      "# HELP apiserver_request_total Requests answered, by verb, resource and HTTP status.",
      "# TYPE apiserver_request_total counter",
    ]
    let sorted = snapshot.requests.map { label, count in
      "apiserver_request_total{verb=\"\(Self.escape(label.verb.uppercased()))\","
        + "resource=\"\(Self.escape(label.resource))\",code=\"\(label.code)\"} \(count)"
    }.sorted()
    lines += sorted
    lines += [
      "# HELP apiserver_longrunning_requests Watches that are open.",
      "# TYPE apiserver_longrunning_requests gauge",
      "apiserver_longrunning_requests{verb=\"WATCH\"} \(snapshot.watches)",
      "# HELP taffrail_watches_started_total Watches that were ever started.",
      "# TYPE taffrail_watches_started_total counter",
      "taffrail_watches_started_total \(snapshot.watchesStarted)",
      "# HELP taffrail_applied_revision The revision that this replica has applied.",
      "# TYPE taffrail_applied_revision gauge",
      "taffrail_applied_revision \(revision)",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private static func escape(_ text: String) -> String {
    text.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-._/".contains($0)) }
  }
}
