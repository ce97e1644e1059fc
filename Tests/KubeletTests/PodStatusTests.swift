import JSONDocument
import KubernetesAPI
import Testing

@testable import Kubelet

private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

@Suite struct PodStatusTests {
  private let spec: JSONValue = [
    "restartPolicy": "Always", "containers": [["name": "main", "image": "busybox:1"]],
  ]

  private func builder(
    _ containers: [ObservedPod.Container], spec: JSONValue? = nil, status: JSONValue = [:]
  ) -> PodStatusBuilder {
    PodStatusBuilder(
      pod: PodSpecification([
        "metadata": ["name": "web", "namespace": "default", "uid": "u"],
        "spec": spec ?? self.spec, "status": status,
      ]),
      observed: ObservedPod(
        sandboxes: [
          .init(id: "s", isReady: true, attempt: 0, createdAt: at(0), address: "10.0.0.2")
        ], containers: containers), hostAddress: "172.29.0.11", now: at(100))
  }

  private func container(
    _ state: ObservedPod.Container.State, attempt: Int = 0, exit: Int = 0
  ) -> ObservedPod.Container {
    .init(
      id: "c\(attempt)", name: "main", sandboxID: "s", attempt: attempt, state: state,
      image: "docker.io/library/busybox:1", imageID: "sha256:1", exitCode: exit,
      createdAt: at(10), startedAt: at(11), finishedAt: state == .exited ? at(20) : nil)
  }

  private func condition(_ status: JSONValue, _ type: String) -> JSONValue? {
    (status["conditions"]?.arrayValue ?? []).first { $0["type"]?.stringValue == type }
  }

  @Test func beforeAnythingRuns() {
    let status = builder([]).status()
    #expect(status["phase"] == "Pending")
    #expect(
      status["containerStatuses"]?[0]?.at("state", "waiting", "reason") == "ContainerCreating")
    #expect(condition(status, "Ready")?["status"] == "False")
    #expect(
      condition(status, "Ready")?["message"] == "containers with unready status: [main]")
    #expect(condition(status, "Initialized")?["status"] == "True")
    #expect(status["startTime"] == "1970-01-01T00:01:40Z")
  }

  @Test func runningAndReady() {
    var builder = builder([container(.running)])
    builder.ready = ["main"]
    builder.started = ["main"]
    let status = builder.status()
    #expect(status["phase"] == "Running")
    #expect(status["podIP"] == "10.0.0.2")
    #expect(status["hostIP"] == "172.29.0.11")
    let main = status["containerStatuses"]?[0]
    #expect(main?["ready"] == true && main?["started"] == true)
    #expect(main?["containerID"] == "containerd://c0")
    #expect(main?.at("state", "running", "startedAt") == "1970-01-01T00:00:11Z")
    #expect(condition(status, "ContainersReady")?["status"] == "True")
  }

  @Test func crashLooping() {
    var builder = builder([container(.exited, attempt: 3, exit: 2)])
    builder.waiting = ["main": .init(reason: "CrashLoopBackOff", message: "back-off")]
    let status = builder.status()
    #expect(status["phase"] == "Running")
    let main = status["containerStatuses"]?[0]
    #expect(main?.at("state", "waiting", "reason") == "CrashLoopBackOff")
    #expect(main?.at("lastState", "terminated", "exitCode") == 2)
    #expect(main?.at("lastState", "terminated", "reason") == "Error")
    #expect(main?["restartCount"] == 3)
  }

  @Test(arguments: [(0, "Succeeded", "PodCompleted"), (1, "Failed", "PodFailed")])
  func ended(exit: Int, phase: String, reason: String) {
    var spec = spec
    spec["restartPolicy"] = "Never"
    let status = builder([container(.exited, exit: exit)], spec: spec).status()
    #expect(status["phase"]?.stringValue == phase)
    #expect(condition(status, "Ready")?["reason"]?.stringValue == reason)
  }

  @Test func timesOfConditionsStayWhileTheyHold() {
    let first = builder([container(.running)]).status()
    var later = builder([container(.running)], status: first)
    later.now = at(500)
    #expect(later.status() == first)
  }

  @Test func whatOthersWroteStays() {
    let old: JSONValue = [
      "qosClass": "Burstable", "conditions": [["type": "example.com/gate", "status": "True"]],
    ]
    let status = builder([container(.running)], status: old).status()
    #expect(status["qosClass"] == "Burstable")
    #expect(condition(status, "example.com/gate")?["status"] == "True")
  }
}

@Suite struct ContainerEnvironmentTests {
  private func environment(_ services: [JSONValue] = []) -> ContainerEnvironment {
    ContainerEnvironment(
      pod: PodView([
        "metadata": [
          "name": "web", "namespace": "default", "uid": "u", "labels": ["app": "x"],
        ], "spec": ["nodeName": "worker-1"],
      ]), hostAddress: "172.29.0.11", podAddress: "10.0.0.2",
      allocatable: ["cpu": Quantity(2)], configMaps: ["conf": ["data": ["k": "v", "l": "w"]]],
      secrets: ["sec": ["data": ["p": "czNjcmV0"]]], services: services)
  }

  private func values(_ container: JSONValue, services: [JSONValue] = []) throws -> [String: String]
  {
    var result: [String: String] = [:]
    for variable in try environment(services).variables(of: container) {
      result[variable.name] = variable.value
    }
    return result
  }

  @Test func takesValuesFromEverywhere() throws {
    let values = try values([
      "envFrom": [["configMapRef": ["name": "conf"], "prefix": "C_"]],
      "resources": ["requests": ["memory": "64Mi"]],
      "env": [
        ["name": "A", "value": "a"], ["name": "B", "value": "$(A)-$(C_k)-$(NONE)-$$(A)"],
        ["name": "K", "valueFrom": ["configMapKeyRef": ["name": "conf", "key": "k"]]],
        ["name": "S", "valueFrom": ["secretKeyRef": ["name": "sec", "key": "p"]]],
        ["name": "IP", "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]]],
        ["name": "L", "valueFrom": ["fieldRef": ["fieldPath": "metadata.labels['app']"]]],
        ["name": "CPU", "valueFrom": ["resourceFieldRef": ["resource": "limits.cpu"]]],
        [
          "name": "MEM",
          "valueFrom": ["resourceFieldRef": ["resource": "requests.memory", "divisor": "1Mi"]],
        ],
        [
          "name": "O",
          "valueFrom": ["configMapKeyRef": ["name": "no", "key": "k", "optional": true]],
        ],
      ],
    ])
    #expect(
      values == [
        "C_k": "v", "C_l": "w", "A": "a", "B": "a-v-$(NONE)-$(A)", "K": "v", "S": "s3cret",
        "IP": "10.0.0.2", "L": "x", "CPU": "2", "MEM": "64",
      ])
  }

  @Test func namesWhatIsMissing() {
    #expect {
      try values([
        "env": [["name": "K", "valueFrom": ["configMapKeyRef": ["name": "no", "key": "k"]]]]
      ])
    } throws: {
      ($0 as? PodError)?.message == "configmap \"no\" not found"
    }
  }

  @Test func servicesOfTheNamespaceAndTheAPI() throws {
    func service(_ namespace: String, _ name: String, _ address: String) -> JSONValue {
      [
        "metadata": ["namespace": .string(namespace), "name": .string(name)],
        "spec": [
          "clusterIP": .string(address),
          "ports": [["port": 80, "name": "http", "protocol": "TCP"]],
        ],
      ]
    }
    let values = try values(
      [:],
      services: [
        service("default", "my-web", "10.96.0.9"), service("other", "far", "10.96.0.8"),
        service("default", "headless", "None"),
      ])
    #expect(values["MY_WEB_SERVICE_HOST"] == "10.96.0.9")
    #expect(values["MY_WEB_SERVICE_PORT_HTTP"] == "80")
    #expect(values["MY_WEB_PORT_80_TCP"] == "tcp://10.96.0.9:80")
    #expect(values.keys.allSatisfy { $0.hasPrefix("MY_WEB_") })
  }

  @Test(arguments: [("$", "$"), ("$$", "$"), ("$(A", "$(A"), ("a$(A)$(A)", "a11"), ("$A", "$A")])
  func expansion(text: String, expected: String) {
    #expect(VariableExpansion.expand(text, ["A": "1"]) == expected)
  }
}

@Suite struct VolumeWriterTests {
  @Test func replacesFilesTogether() throws {
    let folder = TestFolder.folder()
    defer { TestFolder.remove(folder) }
    try VolumeWriter.write(
      [
        .init(path: "a", contents: Array("1".utf8), mode: 0o600),
        .init(path: "sub/b", contents: Array("2".utf8), mode: 0o644),
      ], to: folder)
    #expect(TestFolder.text("\(folder)/a") == "1")
    #expect(TestFolder.text("\(folder)/sub/b") == "2")
    try VolumeWriter.write([.init(path: "a", contents: Array("3".utf8), mode: 0o644)], to: folder)
    #expect(TestFolder.text("\(folder)/a") == "3")
    #expect(TestFolder.text("\(folder)/sub/b") == nil)
  }

  @Test(arguments: ["../x", "/x", "a/../../x", ""])
  func refusesToLeaveItsFolder(path: String) {
    let folder = TestFolder.folder()
    defer { TestFolder.remove(folder) }
    #expect(throws: PodError.self) {
      try VolumeWriter.write([.init(path: path, contents: [], mode: 0o644)], to: folder)
    }
  }
}
