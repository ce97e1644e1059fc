import JSONDocument
import Testing

@testable import KubernetesAPI

/// Validation by tables: an object, and the fields that are at fault.
struct KindValidationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var group: String
    var resource: String
    var version = "v1"
    var name = "a"
    var object: JSONValue
    var faults: [String]

    var testDescription: String { "\(resource): \(object.text)" }
  }

  static let cases: [Case] = [
    Case(
      group: "autoscaling", resource: "horizontalpodautoscalers", version: "v2",
      object: ["spec": ["maxReplicas": 0, "minReplicas": 1]],
      faults: [
        "spec.scaleTargetRef.kind", "spec.scaleTargetRef.name", "spec.scaleTargetRef.apiVersion",
        "spec.maxReplicas", "spec.maxReplicas",
      ]),
    Case(
      group: "networking.k8s.io", resource: "ingresses", object: ["spec": [:]], faults: ["spec"]),
    Case(
      group: "networking.k8s.io", resource: "networkpolicies",
      object: [
        "spec": [
          "egress": [["to": [["ipBlock": ["cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]]]]]]
        ]
      ], faults: ["spec.egress[0].to[0].ipBlock.except[0]"]),
    Case(
      group: "networking.k8s.io", resource: "ipaddresses", name: "2001:db8:0::1",
      object: ["spec": ["parentRef": ["resource": "services", "name": "y"]]],
      faults: ["metadata.name"]),
    Case(
      group: "networking.k8s.io", resource: "servicecidrs",
      object: ["spec": ["cidrs": ["198.51.100.1/28"]]], faults: ["spec.cidrs[0]"]),
    Case(
      group: "policy", resource: "poddisruptionbudgets",
      object: ["spec": ["minAvailable": 1, "maxUnavailable": "101%"]],
      faults: ["spec", "spec.maxUnavailable"]),
    Case(
      group: "scheduling.k8s.io", resource: "priorityclasses", name: "system-x",
      object: ["value": 5], faults: ["metadata.name"]),
    Case(
      group: "node.k8s.io", resource: "runtimeclasses", object: ["handler": "A_"],
      faults: ["handler"]),
    Case(
      group: "", resource: "resourcequotas",
      object: ["spec": ["scopes": ["BestEffort"], "hard": ["cpu": "1"]]],
      faults: ["spec.scopes"]),
    Case(
      group: "storage.k8s.io", resource: "csinodes",
      object: ["spec": ["drivers": [["name": "", "nodeID": ""]]]],
      faults: ["spec.drivers[0].name", "spec.drivers[0].nodeID"]),
    Case(
      group: "flowcontrol.apiserver.k8s.io", resource: "flowschemas",
      object: [
        "spec": ["matchingPrecedence": 10001, "priorityLevelConfiguration": ["name": ""]]
      ], faults: ["spec.matchingPrecedence", "spec.priorityLevelConfiguration.name"]),
    Case(
      group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicybindings",
      object: ["spec": ["policyName": "p", "validationActions": ["Deny", "Warn"]]],
      faults: ["spec.validationActions"]),
    Case(
      group: "resource.k8s.io", resource: "deviceclasses", object: ["spec": ["selectors": [[:]]]],
      faults: ["spec.selectors[0].cel"]),
  ]

  @Test(arguments: cases)
  func faultsAreFoundWhereTheyAre(_ test: Case) throws {
    let resource = try #require(
      Catalogue.shared.resources.first {
        $0.group == test.group && $0.resource == test.resource && $0.version == test.version
      })
    var object = test.object
    object["kind"] = .string(resource.kind)
    object["apiVersion"] = .string(resource.apiVersion)
    object["metadata"] = ["name": .string(test.name)]
    if resource.namespaced { object["metadata"]?["namespace"] = "n" }
    let errors = Validation.create(object, resource: resource)
    #expect(errors.map(\.field) == test.faults)
  }

  @Test(
    arguments: [
      ("*/5 1-3 1,15 jan-mar mon", nil), ("@every 1h30m", nil), ("@daily", nil),
      ("61 * * * *", "end of range (61) above maximum (59): 61"),
      ("@nope", "unrecognized descriptor: @nope"),
      ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
    ] as [(String, String?)])
  func schedules(_ text: String, _ problem: String?) {
    #expect(CronSchedule.problem(text) == problem)
  }

  @Test(arguments: [
    ("2001:db8:0:0:0:0:0:1", "2001:db8::1"), ("::", "::"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
    ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("10.0.0.1", "10.0.0.1"),
  ])
  func addressesHaveOneText(_ text: String, _ canonical: String) throws {
    #expect(try #require(IPAddress(text)).canonicalText == canonical)
  }

  @Test(arguments: [("Europe/Berlin", true), ("UTC", true), ("utc", false), ("No/Where", false)])
  func timeZones(_ name: String, _ isKnown: Bool) {
    #expect(TimeZoneNames.contains(name) == isKnown)
  }
}
