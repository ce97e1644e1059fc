import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct AddressTextTests {
  static let addressTexts: [(String, [String], [String]?)] = [
    ("10.0.0.1", [], []), ("010.0.0.1", ["must not have leading 0s"], nil),
    ("2001:DB8::1", [], ["must be in canonical form (\"2001:db8::1\")"]),
    ("::ffff:10.0.0.1", ["must not be an IPv4-mapped IPv6 address"], nil),
    ("10.0.0", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"], nil),
    ("", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"], nil),
  ]

  @Test(arguments: addressTexts)
  func addresses(text: String, problems: [String], canonical: [String]?) {
    #expect(IPAddress.problems(text) == problems)
    #expect(IPAddress.canonicalProblems(text) == canonical ?? problems)
  }

  static let rangeTexts: [(String, [String])] = [
    ("10.0.0.0/8", []), ("10.0.0.1/8", ["must not have bits set beyond the prefix length"]),
    ("010.0.0.0/8", ["must not have leading 0s in IP"]),
    ("10.0.0.0/08", ["must not have leading 0s in prefix length"]),
    ("10.0.0.0", ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]),
    ("10.0.0.0/33", ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]),
    ("::ffff:10.0.0.0/104", ["must not have an IPv4-mapped IPv6 address"]),
  ]

  @Test(arguments: rangeTexts)
  func ranges(text: String, problems: [String]) {
    #expect(IPRange.problems(text) == problems)
  }

  @Test(arguments: [
    ("status.podIPs=10.0.0.1", false), ("status.podIPs!=10.0.0.1", true),
    ("status.podIP=10.0.0.1", true), ("status.podIP=10.0.0.2", false),
  ])
  func onlyTheFirstAddressOfAPodIsSelectedBy(text: String, matches: Bool) throws {
    let pods = try #require(
      Catalogue.shared.resource(group: "", version: "v1", resource: "pods"))
    let selector = try FieldSelector(parsing: text)
    try selector.check(for: pods)
    let pod = try JSONValue(
      parsing: #"{"status":{"podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]}}"#)
    #expect(selector.matches(pod, resource: pods) == matches)
  }

  static let jobs: [(String, String, Int64, Bool)] = [
    ("a", "Indexed", 5, false), ("n.n", "Indexed", 5, true), ("n.n", "NonIndexed", 5, false),
    (String(repeating: "a", count: 60), "Indexed", 100, false),
    (String(repeating: "a", count: 60), "Indexed", 101, true),
  ]

  @Test(arguments: jobs)
  func indexedJobsNameTheirPods(name: String, mode: String, completions: Int64, isBad: Bool) throws
  {
    let jobs = try #require(
      Catalogue.shared.resource(group: "batch", version: "v1", resource: "jobs"))
    let job: JSONValue = [
      "apiVersion": "batch/v1", "kind": "Job", "metadata": ["name": .string(name)],
      "spec": ["completionMode": .string(mode), "completions": .int(completions)],
    ]
    let errors = Validation.create(job, resource: jobs)
    #expect(
      errors.contains { $0.field == "metadata.name" && $0.body.contains("invalid DNS label") }
        == isBad)
  }
}
