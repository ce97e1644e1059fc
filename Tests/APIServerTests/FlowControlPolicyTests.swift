import JSONDocument
import KubernetesAPI
import Testing

@testable import APIServer

@Suite struct FlowControlPolicyTests {
  private func entry(_ kind: String, _ name: String) throws -> FlowControlPolicy.Entry {
    try #require(
      FlowControlPolicy.entries.first {
        $0.object["kind"]?.stringValue == kind && $0.object.name == name
      })
  }

  @Test func allAreThereAndStayAsTheyAre() async throws {
    try await TestServer.run { server in
      let path = "/apis/flowcontrol.apiserver.k8s.io/v1/"
      for entry in FlowControlPolicy.entries {
        let kind = entry.object["kind"]?.stringValue?.lowercased() ?? ""
        let stored = try await server.admin.get(path + kind + "s/" + entry.object.name)
        #expect(stored.status == 200, "\(entry.object.name)")
        // Nothing is to mend in what was just made.
        #expect(FlowControlPolicy.change(of: stored.json, to: entry) == nil, "\(entry.object.name)")
      }
    }
  }

  static let annotations: [(String, String, Int64, Bool, String)] = [
    ("global-default", "true", 5, true, "true"), ("global-default", "false", 5, false, "false"),
    ("global-default", "", 1, true, "true"), ("global-default", "", 2, false, "false"),
    ("catch-all", "false", 5, true, "true"),
  ]

  @Test(arguments: annotations)
  func theAnnotationDecides(
    name: String, annotation: String, generation: Int64, isMended: Bool, afterwards: String
  ) throws {
    let entry = try entry("PriorityLevelConfiguration", name)
    var present = entry.object
    present.set(.int(generation), at: "metadata", "generation")
    present.set(
      annotation.isEmpty ? nil : .string(annotation), at: "metadata", "annotations",
      FlowControlPolicy.autoupdate)
    present.set(999, at: "spec", "limited", "nominalConcurrencyShares")
    let after = FlowControlPolicy.change(of: present, to: entry) ?? present
    #expect((after["spec"] == entry.object["spec"]) == isMended)
    #expect(after.annotations[FlowControlPolicy.autoupdate] == afterwards)
  }

  @Test func whatTheExemptLevelLendsIsKept() throws {
    let entry = try entry("PriorityLevelConfiguration", "exempt")
    var present = entry.object
    present.set(10, at: "spec", "exempt", "lendablePercent")
    #expect(FlowControlPolicy.change(of: present, to: entry) == nil)
  }
}
