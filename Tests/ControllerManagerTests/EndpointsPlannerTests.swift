import JSONDocument
import KubernetesAPI
import KubernetesClient
import Testing

@testable import ControllerManager

@Suite struct EndpointsPlannerTests {
  func service(_ changes: (inout JSONValue) -> Void = { _ in }) -> JSONValue {
    var service: JSONValue = [
      "metadata": ["name": "web", "namespace": "n", "uid": "s", "labels": ["l": "1"]],
      "spec": [
        "clusterIP": "10.96.0.9", "selector": ["app": "web"],
        "ports": [["name": "http", "port": 80, "targetPort": "www", "protocol": "TCP"]],
      ],
    ]
    changes(&service)
    return service
  }

  func pod(
    _ name: String, ip: String?, ready: Bool = true, deleted: Bool = false, port: Int? = 8080
  ) -> JSONValue {
    var pod: JSONValue = [
      "metadata": [
        "name": .string(name), "namespace": "n", "uid": .string(name), "labels": ["app": "web"],
      ],
      "spec": ["nodeName": "n1", "containers": [["name": "c"]]],
      "status": [
        "phase": "Running",
        "conditions": [["type": "Ready", "status": .string(ready ? "True" : "False")]],
      ],
    ]
    if let ip { pod.set(.string(ip), at: "status", "podIP") }
    if let port {
      pod.set(
        [["name": "c", "ports": [["name": "www", "containerPort": JSONValue(port)]]]], at: "spec",
        "containers")
    }
    if deleted { pod.set("2026-01-01T00:00:00Z", at: "metadata", "deletionTimestamp") }
    return pod
  }

  @Test func endpointsTellReadyOnesFromOthers() throws {
    let pods = [
      pod("b", ip: "10.0.0.2", ready: false), pod("a", ip: "10.0.0.1"), pod("c", ip: nil),
      pod("d", ip: "10.0.0.4", deleted: true),
    ]
    let object = try #require(
      EndpointsPlanner.plan(service: service(), pods: pods, found: nil))
    #expect(object.meta.labels["l"] == "1")
    #expect(
      object["subsets"] == [
        [
          "addresses": [
            [
              "ip": "10.0.0.1", "nodeName": "n1",
              "targetRef": ["kind": "Pod", "namespace": "n", "name": "a", "uid": "a"],
            ]
          ],
          "notReadyAddresses": [
            [
              "ip": "10.0.0.2", "nodeName": "n1",
              "targetRef": ["kind": "Pod", "namespace": "n", "name": "b", "uid": "b"],
            ]
          ],
          "ports": [["name": "http", "port": 8080, "protocol": "TCP"]],
        ]
      ])
    #expect(EndpointsPlanner.plan(service: service(), pods: pods, found: object) == nil)
    let emptied = try #require(
      EndpointsPlanner.plan(service: service(), pods: [], found: object))
    #expect(emptied["subsets"] == nil)
  }

  @Test func podsWithDifferentPortsAreApart() throws {
    let pods = [
      pod("a", ip: "10.0.0.1"), pod("b", ip: "10.0.0.2", port: 9090),
      pod("c", ip: "10.0.0.3", port: nil),
    ]
    let object = try #require(
      EndpointsPlanner.plan(service: service(), pods: pods, found: nil))
    #expect(
      object["subsets"]?.arrayValue?.map { $0["ports"]?[0]?["port"] } == [8080, 9090])
    let plan = EndpointSlicePlanner.plan(service: service(), pods: pods, found: [])
    #expect(plan.create.count == 3)
  }

  @Test func publishingAllCountsTheUnreadyAsReady() throws {
    let all = service { $0.set(true, at: "spec", "publishNotReadyAddresses") }
    let slices = EndpointSlicePlanner.plan(
      service: all, pods: [pod("a", ip: "10.0.0.1", ready: false)], found: [])
    let conditions = try #require(slices.create.first?["endpoints"]?[0]?["conditions"])
    #expect(conditions == ["ready": true, "serving": false, "terminating": false])
  }

  @Test func terminatingPodsStayInSlices() throws {
    let slices = EndpointSlicePlanner.plan(
      service: service(), pods: [pod("a", ip: "10.0.0.1", deleted: true)], found: [])
    let endpoint = try #require(slices.create.first?["endpoints"]?[0])
    #expect(endpoint["conditions"] == ["ready": false, "serving": true, "terminating": true])
  }

  func named(_ slices: [JSONValue]) -> [JSONValue] {
    slices.enumerated().map { position, slice in
      var slice = slice
      slice.set(.string("web-\(position)"), at: "metadata", "name")
      return slice
    }
  }

  @Test func slicesAreBoundedAndEndpointsStayWhereTheyAre() throws {
    let pods = (0..<250).map { pod("p\($0)", ip: "10.0.\($0 / 200).\($0 % 200 + 1)") }
    let first = EndpointSlicePlanner.plan(service: service(), pods: pods, found: [])
    #expect(first.create.map { $0["endpoints"]?.arrayValue?.count } == [100, 100, 50])
    let slices = named(first.create)
    let again = EndpointSlicePlanner.plan(service: service(), pods: pods, found: slices)
    #expect(again == EndpointSlicePlanner.Plan())
    // One goes, two come: the gap is filled, the last slice takes the other.
    let gone = try #require(
      slices[0]["endpoints"]?[7]?.at("targetRef", "name")?.stringValue)
    let changed =
      pods.filter { $0.meta.name != gone }
      + [pod("new-a", ip: "10.0.9.1"), pod("new-b", ip: "10.0.9.2")]
    let plan = EndpointSlicePlanner.plan(service: service(), pods: changed, found: slices)
    #expect(plan.create.isEmpty && plan.delete.isEmpty)
    #expect(plan.update.map(\.meta.name) == ["web-0", "web-2"])
    #expect(plan.update.map { $0["endpoints"]?.arrayValue?.count } == [100, 51])
  }

  @Test func aServiceWithoutPodsKeepsOneEmptySlice() throws {
    let none = EndpointSlicePlanner.plan(service: service(), pods: [], found: [])
    #expect(none.create.count == 1)
    let slices = named(
      EndpointSlicePlanner.plan(
        service: service(), pods: [pod("a", ip: "10.0.0.1")], found: []
      ).create)
    let emptied = EndpointSlicePlanner.plan(service: service(), pods: [], found: slices)
    #expect(emptied.create.isEmpty && emptied.delete.isEmpty)
    #expect(emptied.update.first?["endpoints"] == [])
  }

  @Test func headlessServicesNeedNoPorts() throws {
    let headless = service {
      $0.set("None", at: "spec", "clusterIP")
      $0.set(nil, at: "spec", "ports")
    }
    let object = try #require(
      EndpointsPlanner.plan(service: headless, pods: [pod("a", ip: "10.0.0.1")], found: nil))
    #expect(object["subsets"]?[0]?["addresses"]?[0]?["ip"] == "10.0.0.1")
    #expect(object.meta.labels["service.kubernetes.io/headless"] == "")
  }

  @Test func servicesWithoutSelectorAreLeftAlone() {
    let bare = service { $0.set(nil, at: "spec", "selector") }
    let external = service { $0.set("ExternalName", at: "spec", "type") }
    #expect(!ServiceEndpoints.isManaged(bare))
    #expect(!ServiceEndpoints.isManaged(external))
    #expect(ServiceEndpoints.isManaged(service()))
  }
}
