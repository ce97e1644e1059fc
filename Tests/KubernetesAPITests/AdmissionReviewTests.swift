import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct AdmissionReviewTests {
  private static let attributes = AdmissionAttributes(
    operation: .update,
    resource: GroupVersionResource(group: "apps", version: "v1", resource: "deployments"),
    kind: TypeInfo.GroupVersionKind(group: "apps", version: "v1", kind: "Deployment"),
    subresource: "status", namespace: "n", name: "d", isDryRun: true,
    user: ["username": "me", "groups": ["g"]], object: ["new": 1], oldObject: ["old": 1])

  @Test func aRequestSaysAll() {
    let review = AdmissionReview.request(Self.attributes, uid: "u", version: "v1")
    let kind: JSONValue = ["group": "apps", "version": "v1", "kind": "Deployment"]
    let resource: JSONValue = ["group": "apps", "version": "v1", "resource": "deployments"]
    #expect(
      review == [
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1",
        "request": [
          "uid": "u", "kind": kind, "resource": resource, "subResource": "status",
          "requestKind": kind, "requestResource": resource, "requestSubResource": "status",
          "name": "d", "namespace": "n", "operation": "UPDATE",
          "userInfo": ["username": "me", "groups": ["g"]], "object": ["new": 1],
          "oldObject": ["old": 1], "dryRun": true,
          "options": ["kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1"],
        ],
      ])
  }

  private static func review(_ response: String, version: String = "v1") -> [UInt8] {
    Array(
      #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/\#(version)","response":\#(response)}"#
        .utf8)
  }

  /// `[{"op":"remove","path":"/x"}]`
  private static let patch = "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL3gifV0="

  static let answers: [(String, Bool, String)] = [
    (#"{"uid":"u","allowed":true}"#, true, "allowed"),
    (#"{"uid":"u","allowed":false,"status":{"message":"no"}}"#, false, "refused no"),
    (#"{"uid":"u"}"#, false, "refused"),
    (
      #"{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"\#(patch)"}"#, true,
      #"allowed [{"op":"remove","path":"/x"}]"#
    ),
    (
      #"{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"\#(patch)"}"#, false,
      "validating webhook may not return response.patch"
    ),
    (
      #"{"uid":"u","allowed":true,"patchType":"JSONPatch"}"#, false,
      "validating webhook may not return response.patchType"
    ),
    (
      #"{"uid":"u","allowed":true,"patchType":"JSONPatch"}"#, true,
      "webhook returned response.patchType but not response.patch"
    ),
    (
      #"{"uid":"u","allowed":true,"patch":"\#(patch)"}"#, true,
      "webhook returned response.patch but not response.patchType"
    ),
    (
      #"{"uid":"u","allowed":true,"patchType":"Other","patch":"\#(patch)"}"#, true,
      "webhook returned invalid response.patchType of \"Other\""
    ),
    (
      #"{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"!"}"#, true,
      "response.patch is no JSON in base64"
    ),
    (#"{"uid":"w","allowed":true}"#, true, "expected response.uid=\"u\", got \"w\""),
    ("null", true, "webhook response was absent"),
  ]

  private static func outcome(_ body: [UInt8], version: String = "v1", isMutating: Bool) -> String {
    do throws(AdmissionReview.Malformed) {
      let response = try AdmissionReview.response(
        body, uid: "u", version: version, isMutating: isMutating)
      return [
        response.isAllowed ? "allowed" : "refused",
        response.status?["message"]?.stringValue, response.patch?.text,
      ].compactMap(\.self).joined(separator: " ")
    } catch {
      return error.message
    }
  }

  @Test(arguments: answers)
  func answersAreReadStrictly(response: String, isMutating: Bool, expected: String) {
    #expect(Self.outcome(Self.review(response), isMutating: isMutating) == expected)
  }

  @Test func versionsAreKeptApart() {
    #expect(
      Self.outcome(
        Self.review(#"{"uid":"u","allowed":true}"#, version: "v1beta1"), isMutating: true)
        == "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got "
        + "admission.k8s.io/v1beta1, Kind=AdmissionReview")
    // The old version says neither who it answers nor what kind of patch it has.
    #expect(
      Self.outcome(
        Self.review(#"{"allowed":true,"patch":"\#(Self.patch)"}"#, version: "v1beta1"),
        version: "v1beta1", isMutating: true) == #"allowed [{"op":"remove","path":"/x"}]"#)
    #expect(Self.outcome(Array("<html>".utf8), isMutating: true).contains("json parse error"))
  }

  @Test func aWebhookKnowsWhatItIsAbout() {
    let value: JSONValue = [
      "name": "w.example.com", "admissionReviewVersions": ["v2", "v1beta1", "v1"],
      "sideEffects": "NoneOnDryRun", "failurePolicy": "Ignore", "timeoutSeconds": 3,
      "clientConfig": ["service": ["namespace": "n", "name": "s", "path": "/p", "port": 8443]],
      "rules": [
        [
          "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"],
          "resources": ["deployments/status"],
        ]
      ],
      "matchConditions": [["name": "c", "expression": "object.new == 1"]],
    ]
    let webhook = AdmissionWebhook(value)
    #expect(webhook.client == .service(namespace: "n", name: "s", path: "/p", port: 8443))
    #expect(webhook.reviewVersion == "v1beta1")
    #expect(webhook.allowsDryRun && webhook.ignoresFailures && webhook.timeoutSeconds == 3)
    #expect(webhook.decide(Self.attributes) == .call)
    var other = Self.attributes
    other.object = ["new": 2]
    #expect(webhook.decide(other) == .skip)
    other.object = [:]
    #expect(
      webhook.decide(other) == .failed("match condition 'c' resulted in error: no such key: new"))
    other.subresource = ""
    #expect(webhook.decide(other) == .skip)
    var unruly = value
    unruly["rules"] = []
    #expect(AdmissionWebhook(unruly).decide(Self.attributes) == .skip)
  }
}
