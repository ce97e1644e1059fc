import JSONDocument
import KubernetesAPI

/// What reconcilers ask of a pod.
package struct PodFacts: Sendable {
  package let pod: JSONValue

  package init(_ pod: JSONValue) { self.pod = pod }

  package var phase: String { pod.at("status", "phase")?.stringValue ?? "" }
  package var nodeName: String { pod.at("spec", "nodeName")?.stringValue ?? "" }
  package var isTerminal: Bool { phase == "Succeeded" || phase == "Failed" }
  /// Neither finished nor on its way out.
  package var isActive: Bool { !isTerminal && !pod.meta.isBeingDeleted }
  package var isReady: Bool { Conditions.isTrue("Ready", in: pod["status"]) }

  /// When the pod became ready, if it is.
  package var readySince: Timestamp? {
    guard let condition = Conditions.find("Ready", in: pod["status"]),
      condition["status"]?.stringValue == "True"
    else { return nil }
    return condition["lastTransitionTime"]?.stringValue.flatMap { Timestamp(parsing: $0) }
  }

  /// Ready for at least `minReadySeconds`.
  package func isAvailable(minReadySeconds: Int64, now: Timestamp) -> Bool {
    guard isReady else { return false }
    if minReadySeconds == 0 { return true }
    guard let since = readySince else { return false }
    return since.adding(seconds: minReadySeconds) <= now
  }

  package var restarts: Int64 {
    (pod.at("status", "containerStatuses")?.arrayValue ?? [])
      .map { $0["restartCount"]?.intValue ?? 0 }.max() ?? 0
  }
}

extension Timestamp {
  package static var now: Timestamp {
    let clock = WallClock.now
    return Timestamp(microseconds: clock.seconds &* 1_000_000 &+ clock.nanoseconds / 1000)
  }
}
