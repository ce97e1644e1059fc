import JSONDocument
import KubernetesAPI
import KubernetesClient
import Testing

@testable import Scheduler

func node(
  _ name: String, cpu: String = "4", memory: String = "8Gi", pods: Int = 110,
  labels: JSONValue = [:], taints: JSONValue = [], unschedulable: Bool = false
) -> JSONValue {
  var labels = labels
  labels["kubernetes.io/hostname"] = .string(name)
  return [
    "metadata": ["name": .string(name), "labels": labels],
    "spec": ["taints": taints, "unschedulable": .bool(unschedulable)],
    "status": [
      "allocatable": [
        "cpu": .string(cpu), "memory": .string(memory), "pods": .string("\(pods)"),
      ]
    ],
  ]
}

func pod(
  _ name: String, cpu: String? = nil, on node: String? = nil, labels: JSONValue = [:],
  owner: String? = nil, spec: JSONValue = [:]
) -> JSONValue {
  var spec = spec
  var container: JSONValue = spec["container"] ?? ["name": "c"]
  spec["container"] = nil
  if let cpu { container["resources"] = ["requests": ["cpu": .string(cpu)]] }
  spec["containers"] = [container]
  spec["nodeName"] = node.map { .string($0) }
  var metadata: JSONValue = [
    "name": .string(name), "namespace": "n", "uid": .string(name), "labels": labels,
  ]
  if let owner { metadata["ownerReferences"] = [["uid": .string(owner), "controller": true]] }
  return ["metadata": metadata, "spec": spec]
}

@Suite struct ScheduleTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var nodes: [JSONValue]
    var pods: [JSONValue] = []
    var pod: JSONValue
    /// A node's name, or the message.
    var expected: String

    var testDescription: String { name }
  }

  static let near: JSONValue = [
    "labelSelector": ["matchLabels": ["app": "web"]], "topologyKey": "kubernetes.io/hostname",
  ]
  static let gpu: JSONValue = [["key": "gpu", "value": "yes", "effect": "NoSchedule"]]

  static func affinity(_ kind: String) -> JSONValue {
    ["affinity": [kind: ["requiredDuringSchedulingIgnoredDuringExecution": [near]]]]
  }

  static let cases: [Case] = [
    Case(
      name: "no nodes", nodes: [], pod: pod("p"),
      expected: "no nodes available to schedule pods"),
    Case(
      name: "too little of everything", nodes: [node("a", cpu: "1"), node("b", cpu: "1")],
      pod: pod("p", cpu: "1001m"), expected: "0/2 nodes are available: 2 Insufficient cpu."),
    Case(
      name: "what runs is counted", nodes: [node("a", cpu: "1"), node("b", cpu: "1")],
      pods: [pod("x", cpu: "600m", on: "a")], pod: pod("p", cpu: "500m"), expected: "b"),
    Case(
      name: "each node gives its reason",
      nodes: [
        node("a", pods: 0), node("b", taints: gpu), node("c", unschedulable: true),
        node("d", cpu: "100m"),
      ],
      pod: pod("p", cpu: "1"),
      expected: "0/4 nodes are available: 1 Insufficient cpu, 1 Too many pods, "
        + "1 node(s) had untolerated taint(s), 1 node(s) were unschedulable."),
    Case(
      name: "a toleration opens the node", nodes: [node("a", taints: gpu)],
      pod: pod("p", spec: ["tolerations": [["key": "gpu", "operator": "Exists"]]]),
      expected: "a"),
    Case(
      name: "a toleration of another value does not", nodes: [node("a", taints: gpu)],
      pod: pod("p", spec: ["tolerations": [["key": "gpu", "value": "no"]]]),
      expected: "0/1 nodes are available: 1 node(s) had untolerated taint(s)."),
    Case(
      name: "the node selector", nodes: [node("a"), node("b", labels: ["disk": "ssd"])],
      pod: pod("p", spec: ["nodeSelector": ["disk": "ssd"]]), expected: "b"),
    Case(
      name: "required node affinity", nodes: [node("a", labels: ["n": "3"]), node("b")],
      pod: pod(
        "p",
        spec: [
          "affinity": [
            "nodeAffinity": [
              "requiredDuringSchedulingIgnoredDuringExecution": [
                "nodeSelectorTerms": [
                  ["matchExpressions": [["key": "n", "operator": "Gt", "values": ["3"]]]]
                ]
              ]
            ]
          ]
        ]),
      expected: "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."),
    Case(
      name: "a host port is taken once", nodes: [node("a"), node("b")],
      pods: [
        pod("x", on: "a", spec: ["container": ["ports": [["hostPort": 80, "containerPort": 80]]]])
      ],
      pod: pod("p", spec: ["container": ["ports": [["hostPort": 80, "containerPort": 80]]]]),
      expected: "b"),
    Case(
      name: "affinity goes where the others are", nodes: [node("a"), node("b")],
      pods: [pod("x", on: "b", labels: ["app": "web"]), pod("y", cpu: "3", on: "b")],
      pod: pod("p", spec: affinity("podAffinity")), expected: "b"),
    Case(
      name: "the first of a group may go anywhere", nodes: [node("a")],
      pod: pod("p", labels: ["app": "web"], spec: affinity("podAffinity")), expected: "a"),
    Case(
      name: "affinity to nobody", nodes: [node("a")],
      pod: pod("p", spec: affinity("podAffinity")),
      expected: "0/1 nodes are available: 1 node(s) didn't match pod affinity rules."),
    Case(
      name: "anti-affinity keeps away", nodes: [node("a"), node("b", cpu: "1")],
      pods: [pod("x", on: "a", labels: ["app": "web"])],
      pod: pod("p", spec: affinity("podAntiAffinity")), expected: "b"),
    Case(
      name: "anti-affinity of who is there bars", nodes: [node("a")],
      pods: [pod("x", on: "a", spec: affinity("podAntiAffinity"))],
      pod: pod("p", labels: ["app": "web"]),
      expected: "0/1 nodes are available: "
        + "1 node(s) didn't satisfy existing pods anti-affinity rules."),
    Case(
      name: "hard spread", nodes: [node("a", cpu: "64"), node("b", cpu: "1")],
      pods: [pod("x", on: "a", labels: ["app": "web"])],
      pod: pod(
        "p", labels: ["app": "web"],
        spec: [
          "topologySpreadConstraints": [
            [
              "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
              "whenUnsatisfiable": "DoNotSchedule",
              "labelSelector": ["matchLabels": ["app": "web"]],
            ]
          ]
        ]),
      expected: "b"),
    Case(
      name: "pods of one owner spread", nodes: [node("a", cpu: "64"), node("b", cpu: "8")],
      pods: [pod("x", on: "a", owner: "rs")], pod: pod("p", owner: "rs"), expected: "b"),
    Case(
      name: "a soft taint is avoided",
      nodes: [
        node("a", taints: [["key": "k", "effect": "PreferNoSchedule"]]), node("b", cpu: "1"),
      ],
      pod: pod("p"), expected: "b"),
    Case(
      name: "equal nodes take turns", nodes: [node("a"), node("b")],
      pods: [pod("x", on: "a")], pod: pod("p"), expected: "b"),
  ]

  @Test(arguments: cases) func decide(_ example: Case) {
    let cluster = ClusterSnapshot(nodes: example.nodes, pods: example.pods)
    switch cluster.schedule(SchedulingPod(example.pod)) {
    case .place(let node): #expect(node == example.expected)
    case let decision: #expect(decision.message == example.expected)
    }
  }

  @Test func placedPodsAreCountedBeforeTheirBindingIsSeen() {
    var state = SchedulerState()
    state.nodeChanged("a", node("a", cpu: "1"))
    for name in ["p", "q"] {
      state.podChanged(nil, pod(name, cpu: "600m"), revision: 5, now: 0)
    }
    let first = state.next(now: 0)
    #expect(first?.decision == .place(node: "a"))
    #expect(first?.cause == 5)
    #expect(
      state.next(now: 0)?.decision
        == .unschedulable(nodes: 1, reasons: ["Insufficient cpu": 1]))
    #expect(state.next(now: 10_000) == nil)
    // The first one's binding fails: both are tried again after their backoff.
    if let first { state.bindingFailed(first, retries: true, now: 10_000) }
    let again = state.next(now: 11_000)
    #expect(again != nil)
    #expect(state.next(now: 12_000) != nil)
  }

  @Test func aPodThatFitsNowhereIsTriedWhenSomethingChanges() {
    var state = SchedulerState()
    state.podChanged(nil, pod("p"), revision: 1, now: 0)
    #expect(state.next(now: 0)?.decision == .unschedulable(nodes: 0, reasons: [:]))
    state.nodeChanged("a", node("a"))
    #expect(state.next(now: 500) == nil)
    #expect(state.next(now: 1_500)?.decision == .place(node: "a"))
  }

  @Test func aDeletedPodIsNotPlaced() {
    var state = SchedulerState()
    state.nodeChanged("a", node("a"))
    state.podChanged(nil, pod("p"), revision: 1, now: 0)
    state.podChanged(pod("p"), nil, revision: 2, now: 0)
    #expect(state.next(now: 0) == nil)
  }

  @Test func priorityComesFirst() {
    var queue = SchedulingQueue()
    for (name, priority) in [("a", 0), ("b", 10), ("c", 0), ("d", 10)] {
      let low = pod(name, spec: ["priority": JSONValue(priority)])
      queue.add(SchedulingPod(low), cause: 0, now: 0)
    }
    var order: [String] = []
    while let next = queue.pop() {
      order.append(next.pod.uid)
      queue.remove(next.pod.uid)
    }
    #expect(order == ["b", "d", "a", "c"])
  }

  @Test func manyPodsSpreadEvenly() {
    var state = SchedulerState()
    for number in 0..<20 { state.nodeChanged("n\(number)", node("n\(number)", cpu: "64")) }
    for number in 0..<400 {
      state.podChanged(nil, pod("p\(number)", cpu: "10m", owner: "rs"), revision: 1, now: 0)
    }
    var counts: [String: Int] = [:]
    while let attempt = state.next(now: 0) {
      if case .place(let node) = attempt.decision { counts[node, default: 0] += 1 }
    }
    #expect(counts.count == 20)
    #expect(counts.values.allSatisfy { $0 == 20 })
  }
}

extension SchedulerState.Attempt: Equatable {
  public static func == (left: Self, right: Self) -> Bool {
    left.pod.uid == right.pod.uid && left.decision == right.decision
  }
}
