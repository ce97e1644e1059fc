import JSONDocument
import KubernetesAPI
import Testing

@Suite struct CatalogueTests {
  let catalogue = Catalogue.shared

  @Test func groupsAreInDiscoveryOrder() {
    #expect(
      catalogue.groups.map(\.group).prefix(6) == [
        "", "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io",
        "authorization.k8s.io",
      ])
    #expect(catalogue.groups.first { $0.group == "autoscaling" }?.versions == ["v2", "v1"])
  }

  @Test func resources() throws {
    let pods = try #require(catalogue.resource(.pods))
    #expect(pods.kind == "Pod")
    #expect(pods.shortNames == ["po"])
    #expect(pods.categories == ["all"])
    #expect(pods.namespaced)
    #expect(pods.typeName == "io.k8s.api.core.v1.Pod")
    #expect(pods.storageVersionHash == "xPOwRZ+Yhw8=")
    let eviction = try #require(pods.subresource("eviction"))
    #expect(eviction.group == "policy")
    #expect(eviction.kind == "Eviction")
    #expect(
      catalogue.resource(group: "apps", version: "v1", kind: "Deployment")?.gvr == .deployments)
    #expect(catalogue.resource(group: "apps", version: "v9", resource: "deployments") == nil)
    #expect(catalogue.resources(group: "apps", version: "v1").count == 5)
  }

  @Test func eventsOfBothGroupsShareStorage() throws {
    let core = try #require(catalogue.resource(.events))
    let new = try #require(
      catalogue.resource(group: "events.k8s.io", version: "v1", resource: "events"))
    #expect(core.storageGVR == new.storageGVR)
    #expect(core.typeName != new.typeName)
    #expect(core.storageVersionHash == new.storageVersionHash)
  }

  @Test func everyResourceHasASchema() {
    for resource in catalogue.resources {
      #expect(catalogue.type(resource.typeName) != nil, "\(resource.gvr)")
    }
  }

  @Test func fields() throws {
    let containers = try #require(
      catalogue.field("containers", ofType: "io.k8s.api.core.v1.PodSpec"))
    #expect(containers.mergeKey == "name")
    #expect(containers.mergesInPatch)
    #expect(containers.listType == .map)
    #expect(containers.required)
    #expect(containers.protobufPath == [2])
    let ports = try #require(
      catalogue.field(
        at: ["spec", "template", "spec", "containers", "ports"],
        ofType: "io.k8s.api.apps.v1.Deployment"))
    #expect(ports.listMapKeys == ["containerPort", "protocol"])
    #expect(catalogue.field(at: ["spec", "nope"], ofType: "io.k8s.api.core.v1.Pod") == nil)
    let quantity = try #require(catalogue.type("io.k8s.apimachinery.pkg.api.resource.Quantity"))
    #expect(quantity.special == .quantity)
  }
}
