import Keyspace
import Synchronization

/// What the API server counts; names and labels are kube-apiserver's, where it has them.
final class Metrics: Sendable {
  private struct Label: Hashable, Comparable {
    var verb: String
    var group = ""
    var version = ""
    var resource = ""
    var subresource = ""
    var scope = ""
    var code = 0

    private var text: String {
      "\(resource) \(subresource) \(verb) \(code) \(group) \(version) \(scope)"
    }

    static func < (left: Label, right: Label) -> Bool { left.text < right.text }
  }

  private struct State {
    var requests: [Label: Int] = [:]
    /// Without the code.
    var durations: [Label: LatencyHistogram] = [:]
    var watches = 0
    var watchesStarted = 0
  }

  /// A bound on label combinations, since resources come from paths.
  private static let maximumLabels = 4096
  private let state = Mutex(State())

  /// - Parameter duration: until the answer began.
  func count(_ info: RequestInfo, code: Int, duration: Duration) {
    var label = Self.label(info, code)
    let (seconds, attoseconds) = duration.components
    let nanoseconds =
      UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000)
    let isTimed = !info.isLongRunning
    state.withLock { state in
      if state.requests[label] == nil, state.requests.count >= Self.maximumLabels {
        label = Label(verb: "other", code: code)
      }
      state.requests[label, default: 0] += 1
      guard isTimed else { return }
      label.code = 0
      state.durations[
        label, default: LatencyHistogram(bounds: LatencyHistogram.requestBounds)
      ].record(nanoseconds: nanoseconds)
    }
  }

  private static func label(_ info: RequestInfo, _ code: Int) -> Label {
    let verb =
      switch info.verb {
      case "create": "POST"
      case "update": "PUT"
      default: info.verb.uppercased()
      }
    // What is not there may be called anything.
    guard info.isResource, code != 404 else { return Label(verb: verb, code: code) }
    let scope = !info.name.isEmpty ? "resource" : info.namespace.isEmpty ? "cluster" : "namespace"
    return Label(
      verb: verb, group: info.group, version: info.version, resource: info.resource,
      subresource: info.subresource, scope: scope, code: code)
  }

  func watchStarted() {
    state.withLock { state in
      state.watches += 1
      state.watchesStarted += 1
    }
  }

  func watchEnded() { state.withLock { $0.watches -= 1 } }

  func families(limiter: RequestLimiter) -> [MetricFamily] {
    let snapshot = state.withLock { $0 }
    var requests = MetricFamily(
      "apiserver_request_total", .counter,
      "Requests answered, by verb, resource and HTTP status.")
    for (label, count) in snapshot.requests.sorted(by: { $0.key < $1.key }) {
      requests.add(
        count,
        [
          "code": "\(label.code)", "component": "apiserver", "group": label.group,
          "resource": label.resource, "scope": label.scope, "subresource": label.subresource,
          "verb": label.verb, "version": label.version,
        ])
    }
    var durations = MetricFamily(
      "apiserver_request_duration_seconds", .histogram,
      "Time until an answer began, by verb and resource; watches are left out.")
    for (label, histogram) in snapshot.durations.sorted(by: { $0.key < $1.key }) {
      durations.add(
        histogram,
        [
          "component": "apiserver", "group": label.group, "resource": label.resource,
          "scope": label.scope, "subresource": label.subresource, "verb": label.verb,
          "version": label.version,
        ])
    }
    let current = limiter.current
    var inFlight = MetricFamily(
      "apiserver_current_inflight_requests", .gauge, "Requests that are worked on.")
    inFlight.add(current.readOnly, ["request_kind": "readOnly"])
    inFlight.add(current.mutating, ["request_kind": "mutating"])
    var watches = MetricFamily(
      "apiserver_longrunning_requests", .gauge, "Watches that are open.")
    watches.add(snapshot.watches, ["verb": "WATCH"])
    return [
      requests, durations, inFlight, watches,
      MetricFamily(
        "taffrail_watches_started_total", .counter, "Watches that were ever started.",
        value: snapshot.watchesStarted),
    ]
  }
}
