import JSONDocument
import KubernetesAPI
import NIOHTTP1
import Testing

@testable import APIServer

/// Pods of one template are taken a shorter way from the third on: what comes of it must be the same.
@Suite struct PodSpecTests {
  private static let path = "/api/v1/namespaces/default/pods"

  private static func body(_ name: String, spec: String, metadata: String = "") -> [UInt8] {
    Array(
      (#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\#(name)"\#(metadata)},"spec":"# + spec
        + "}").utf8)
  }

  private static func create(
    _ server: TestServer, _ name: String, spec: String, metadata: String = "", query: String = ""
  ) async throws -> TestResponse {
    try await server.admin.send(
      .POST, path + query, bytes: body(name, spec: spec, metadata: metadata),
      contentType: "application/json")
  }

  /// Without what no two pods have alike.
  private static func comparable(_ pod: JSONValue) -> JSONValue {
    var pod = pod
    for name in ["name", "uid", "resourceVersion", "creationTimestamp"] {
      pod.set(nil, at: "metadata", name)
    }
    for entry in pod.at("metadata", "managedFields")?.arrayValue ?? [] {
      var entry = entry
      entry["time"] = nil
      pod.set([entry], at: "metadata", "managedFields")
    }
    return pod
  }

  /// Nor the name of the volume with the token, which only pods that went the short way share.
  private static func comparable(mounted pod: JSONValue) throws -> JSONValue {
    let name = pod.at("spec", "volumes")?[0]?["name"]?.stringValue ?? "none"
    return try JSONValue(
      parsing: comparable(pod).text.replacing("\"\(name)\"", with: "\"token\""))
  }

  private static let spec =
    #"{"containers":[{"name":"c","image":"example.com/app:1","ports":[{"containerPort":80}],"#
    + #""resources":{"limits":{"cpu":"1000m"}},"env":[{"name":"A","value":"b"}]}],"#
    + #""nodeSelector":{"a":"b"}}"#

  @Test func podsOfOneTemplateAreAlike() async throws {
    try await TestServer.run { server in
      var first: JSONValue?
      for number in 0..<6 {
        let made = try await Self.create(server, "p\(number)", spec: Self.spec)
        #expect(made.status == 201)
        #expect(made.headers["Warning"].isEmpty)
        let pod = Self.comparable(made.json)
        let container = pod.at("spec", "containers")?[0]
        #expect(container?.at("resources", "limits", "cpu") == "1")
        #expect(container?.at("resources", "requests", "cpu") == "1")
        #expect(container?["ports"]?[0]?["protocol"] == "TCP")
        #expect(pod.at("spec", "tolerations")?.arrayValue?.count == 2)
        if let first { #expect(pod.text == first.text) } else { first = pod }
        let got = try await server.admin.get(Self.path + "/p\(number)")
        #expect(Self.comparable(got.json) == pod)
      }
      // The same template, and more of what belongs to the pod.
      let labelled = try await Self.create(
        server, "labelled", spec: Self.spec, metadata: #","labels":{"app":"x"}"#)
      #expect(labelled.json.labels == ["app": "x"])
      let owned = labelled.json.at("metadata", "managedFields")?[0]?["fieldsV1"]
      #expect(owned?.at("f:metadata", "f:labels", "f:app") == [:])
      let ofFirst = first?.at("metadata", "managedFields")?[0]?["fieldsV1"]
      #expect(owned?["f:spec"] == ofFirst?["f:spec"])
      // Changes of one pod are no other's.
      let patched = try await server.admin.send(
        .PATCH, Self.path + "/p4",
        ["spec": ["containers": [["name": "c", "image": "example.com/app:2"]]]],
        contentType: "application/strategic-merge-patch+json")
      #expect(patched.status == 200)
      let other = try await server.admin.get(Self.path + "/p5")
      #expect(other.json.at("spec", "containers")?[0]?["image"] == "example.com/app:1")
      let again = try await Self.create(server, "again", spec: Self.spec)
      #expect(Self.comparable(again.json).text == first?.text)
    }
  }

  /// What a pod is warned of besides its specification.
  private static let annotations = [
    "scheduler.alpha.kubernetes.io/critical-pod", "security.alpha.kubernetes.io/sysctls",
    "security.alpha.kubernetes.io/unsafe-sysctls", "seccomp.security.alpha.kubernetes.io/pod",
    "container.seccomp.security.alpha.kubernetes.io/c",
  ]

  @Test func whatIsWrongIsToldEachTime() async throws {
    try await TestServer.run { server in
      for number in 0..<5 {
        let invalid = try await Self.create(
          server, "i\(number)",
          spec: #"{"containers":[{"name":"C_","image":"example.com/app:1","#
            + #""imagePullPolicy":"No"}]}"#)
        #expect(invalid.status == 422)
        #expect(invalid.message.contains("spec.containers[0].name"))
        #expect(invalid.message.contains("spec.containers[0].imagePullPolicy"))
        let unknown = try await Self.create(
          server, "u\(number)",
          spec: #"{"containers":[{"name":"c","image":"example.com/app:1","nope":1}],"nor":{}}"#)
        #expect(unknown.status == 201)
        #expect(unknown.headers["Warning"].count == 2)
        #expect(unknown.json.at("spec", "nor") == nil)
        let strict = try await Self.create(
          server, "s\(number)",
          spec: #"{"containers":[{"name":"c","image":"example.com/app:1","nope":1}],"nor":{}}"#,
          query: "?fieldValidation=Strict")
        #expect(strict.status == 400)
        let mistyped = try await Self.create(
          server, "m\(number)",
          spec: #"{"containers":[{"name":"c","image":["example.com/app:1"],"command":["sleep"]}]}"#)
        #expect(mistyped.status == 400)
        let warned = try await Self.create(
          server, "w\(number)",
          spec: #"{"containers":[{"name":"c","image":"example.com/app:1"}],"#
            + #""nodeSelector":{"beta.kubernetes.io/os":"linux"}}"#)
        #expect(warned.status == 201)
        #expect(warned.headers["Warning"].count == 1)
        // A template that was good before, on a pod that is not.
        let bad = try await Self.create(
          server, "b\(number)", spec: Self.spec, metadata: #","labels":{"a b":"c"}"#)
        #expect(bad.status == 422)
        let good = try await Self.create(server, "g\(number)", spec: Self.spec)
        #expect(good.status == 201)
        for (position, annotation) in Self.annotations.enumerated() {
          let annotated = try await Self.create(
            server, "a\(number)-\(position)", spec: Self.spec,
            metadata: #","annotations":{"example.com/a":"b","\#(annotation)":"x"}"#)
          #expect(annotated.status == 201)
          let warnings = annotated.headers["Warning"]
          #expect(warnings.count == 1 && warnings[0].contains("annotations[\(annotation)]"))
        }
        let harmless = try await Self.create(
          server, "h\(number)", spec: Self.spec,
          metadata: #","annotations":{"example.com/a":"b"}"#)
        #expect(harmless.headers["Warning"].isEmpty)
      }
    }
  }

  /// Selectors that take a pod's own labels differ from pod to pod.
  @Test func selectorsTakeTheLabelsOfTheirOwnPod() async throws {
    let spec =
      #"{"containers":[{"name":"c","image":"example.com/app:1"}],"topologySpreadConstraints":["#
      + #"{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule","#
      + #""labelSelector":{"matchLabels":{"a":"b"}},"matchLabelKeys":["app"]}]}"#
    try await TestServer.run { server in
      for number in 0..<5 {
        let made = try await Self.create(
          server, "p\(number)", spec: spec, metadata: #","labels":{"app":"x\#(number)"}"#)
        #expect(made.status == 201)
        let rule = made.json.at("spec", "topologySpreadConstraints")?[0]?.at(
          "labelSelector", "matchExpressions")?[0]
        #expect(rule?["values"] == [.string("x\(number)")])
      }
    }
  }

  /// Everything that admission looks at may change between two pods of one template.
  @Test func eachPodIsAdmittedAsThingsAreThen() async throws {
    try await TestServer.run(disabledAdmissionPlugins: []) { server in
      var number = 0
      func make() async throws -> JSONValue {
        var pod = JSONValue.null
        // The last of them goes the short way.
        for _ in 0..<4 {
          number += 1
          let made = try await Self.create(server, "p\(number)", spec: Self.spec)
          #expect(made.status == 201)
          if pod != .null {
            #expect(try Self.comparable(mounted: made.json) == Self.comparable(mounted: pod))
          }
          pod = made.json
        }
        return pod
      }
      func send(_ method: HTTPMethod, _ path: String, _ body: JSONValue) async throws {
        let type = method == .PATCH ? "application/merge-patch+json" : "application/json"
        let response = try await server.admin.send(method, path, body, contentType: type)
        #expect(response.status < 300)
      }
      let accounts = "/api/v1/namespaces/default/serviceaccounts"
      try await send(.POST, accounts, ["metadata": ["name": "default"]])
      let account = accounts + "/default"
      let plain = try await make()
      #expect(plain.at("spec", "volumes")?.arrayValue?.count == 1)
      #expect(plain.at("spec", "priority") == 0)

      try await send(.PATCH, account, ["imagePullSecrets": [["name": "registry"]]])
      let withSecret = try await make()
      #expect(withSecret.at("spec", "imagePullSecrets")?[0]?["name"] == "registry")

      try await send(.PATCH, account, ["automountServiceAccountToken": false])
      let withoutToken = try await make()
      #expect(withoutToken.at("spec", "volumes") == nil)
      #expect(withoutToken.at("spec", "containers")?[0]?["volumeMounts"] == nil)
      try await send(
        .PATCH, account, ["automountServiceAccountToken": .null, "imagePullSecrets": .null])

      let classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
      try await send(
        .POST, classes,
        [
          "metadata": ["name": "high"], "value": 7, "globalDefault": true,
          "preemptionPolicy": "Never",
        ])
      let high = try await make()
      #expect(high.at("spec", "priority") == 7)
      #expect(high.at("spec", "priorityClassName") == "high")
      #expect(high.at("spec", "preemptionPolicy") == "Never")
      _ = try await server.admin.send(.DELETE, classes + "/high")

      let ranges = "/api/v1/namespaces/default/limitranges"
      try await send(
        .POST, ranges,
        [
          "metadata": ["name": "r"],
          "spec": ["limits": [["type": "Container", "default": ["memory": "64Mi"]]]],
        ])
      let limited = try await make()
      #expect(limited.at("spec", "containers")?[0]?.at("resources", "limits", "memory") == "64Mi")
      _ = try await server.admin.send(.DELETE, ranges + "/r")

      // As in the beginning.
      let again = try await make()
      #expect(try Self.comparable(mounted: again) == Self.comparable(mounted: plain))

      // The same specification where the account is another one.
      try await send(.POST, "/api/v1/namespaces", ["metadata": ["name": "other"]])
      try await send(
        .POST, "/api/v1/namespaces/other/serviceaccounts",
        ["metadata": ["name": "default"], "imagePullSecrets": [["name": "others"]]])
      let other = try await server.admin.send(
        .POST, "/api/v1/namespaces/other/pods", bytes: Self.body("p", spec: Self.spec),
        contentType: "application/json")
      #expect(other.status == 201)
      #expect(other.json.at("spec", "imagePullSecrets")?[0]?["name"] == "others")
    }
  }

  /// Pods that wait for gates say so from the first on.
  @Test func gatedPodsSaySo() async throws {
    let spec =
      #"{"containers":[{"name":"c","image":"example.com/app:1"}],"#
      + #""schedulingGates":[{"name":"example.com/gate"}],"terminationGracePeriodSeconds":-5}"#
    try await TestServer.run { server in
      for number in 0..<5 {
        let made = try await Self.create(server, "p\(number)", spec: spec)
        #expect(made.status == 201)
        #expect(
          made.json.at("status", "conditions")?[0]?["reason"] == "SchedulingGated",
          "pod \(number)")
        #expect(made.json.at("status", "phase") == "Pending")
        #expect(made.json.at("status", "qosClass") == "BestEffort")
        #expect(made.json.at("spec", "terminationGracePeriodSeconds") == 1)
      }
    }
  }
}
