import JSONDocument
import KubernetesAPI
import Testing

@testable import Kubelet

struct HollowPodTests {
  static let now = Timestamp(milliseconds: 1_000_000)

  func pod(_ text: String) throws -> PodView { PodView(try JSONValue(parsing: text)) }

  func step(_ text: String) throws -> HollowPod.Step {
    HollowPod.step(try pod(text), now: Self.now, hostIP: "127.0.0.1") { "100.64.0.1" }
  }

  @Test func startsAPendingPod() throws {
    let step = try step(
      #"{"metadata":{"uid":"u"},"spec":{"nodeName":"hollow-1","containers":[{"name":"a","image":"x"}]}}"#
    )
    guard case .report(let status) = step else {
      Issue.record("\(step)")
      return
    }
    #expect(status["phase"] == "Running" && status["podIP"] == "100.64.0.1")
    #expect(status["containerStatuses"]?[0]?["ready"] == true)
    let conditions = status["conditions"]?.arrayValue ?? []
    #expect(conditions.contains { $0["type"] == "Ready" && $0["status"] == "True" })
  }

  @Test func leavesARunningPodAlone() throws {
    #expect(
      try step(#"{"spec":{"restartPolicy":"Always"},"status":{"phase":"Running"}}"#) == .nothing)
  }

  @Test func endsWhatIsMeantToEnd() throws {
    let running =
      #""status":{"phase":"Running","startTime":"1970-01-01T00:16:40Z","containerStatuses":[{"name":"a","state":{"running":{}}}]}"#
    #expect(
      try step(#"{"spec":{"restartPolicy":"Never"},\#(running)}"#)
        == .wait(milliseconds: HollowPod.workMilliseconds))
    let old = running.replacing("00:16:40", with: "00:16:30")
    guard case .report(let status) = try step(#"{"spec":{"restartPolicy":"Never"},\#(old)}"#) else {
      Issue.record("not ended")
      return
    }
    #expect(status["phase"] == "Succeeded")
    #expect(status["containerStatuses"]?[0]?.at("state", "terminated", "exitCode") == 0)
  }

  @Test func removesWhatIsBeingDeleted() throws {
    #expect(
      try step(
        #"{"metadata":{"deletionTimestamp":"2026-01-31T18:04:05Z"},"status":{"phase":"Running"}}"#)
        == .remove)
    #expect(try step(#"{"status":{"phase":"Failed"}}"#) == .nothing)
  }
}
