import JSONDocument
import KubernetesAPI
import Testing

@Suite struct PodSubresourceValidationTests {
  static let debugger = #"{"name":"d","image":"x"}"#

  /// Subresource, spec and status before, after, and what must be refused.
  static let changes: [(String, String, String, [String])] = [
    ("ephemeralcontainers", "", ephemeral(debugger), []),
    (
      "ephemeralcontainers", ephemeral(debugger), ephemeral(#"{"name":"d","image":"y"}"#),
      ["FieldValueForbidden spec.ephemeralContainers"]
    ),
    (
      "ephemeralcontainers", ephemeral(debugger), "",
      ["FieldValueForbidden spec.ephemeralContainers"]
    ),
    (
      "ephemeralcontainers", "", ephemeral(#"{"name":"c","image":"x"}"#),
      ["FieldValueDuplicate spec.ephemeralContainers[0].name"]
    ),
    (
      "ephemeralcontainers", "",
      ephemeral(#"{"name":"d","image":"x","resources":{},"targetContainerName":"no"}"#),
      ["FieldValueNotFound spec.ephemeralContainers[0].targetContainerName"]
    ),
    (
      "ephemeralcontainers", "",
      ephemeral(#"{"name":"d","image":"x","ports":[{"containerPort":1}]}"#),
      ["FieldValueForbidden spec.ephemeralContainers[0].ports"]
    ),
    (
      "status", #","status":{"qosClass":"BestEffort"}"#, #","status":{"qosClass":"BestEffort"}"#, []
    ),
    (
      "status", #","status":{"qosClass":"BestEffort"}"#, #","status":{"qosClass":"Guaranteed"}"#,
      ["FieldValueInvalid status.qosClass"]
    ),
  ]

  static func ephemeral(_ container: String) -> String {
    #","ephemeral":[\#(container)]"#
  }

  static func pod(_ more: String, resources: String = "{}") throws -> JSONValue {
    var pod = try JSONValue(
      parsing: #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"n"},"#
        + #""spec":{"containers":[{"name":"c","image":"x","resources":\#(resources)}]}\#(more)}"#)
    pod.set(pod["ephemeral"], at: "spec", "ephemeralContainers")
    pod["ephemeral"] = nil
    let resource = try #require(Catalogue.shared.resource(GroupVersionResource(resource: "pods")))
    Defaulting.apply(to: &pod, resource: resource)
    return pod
  }

  static func refused(_ subresource: String, _ before: JSONValue, _ after: JSONValue) throws
    -> [String]
  {
    let resource = try #require(Catalogue.shared.resource(GroupVersionResource(resource: "pods")))
    return Validation.update(
      new: after, old: before, resource: resource, subresource: subresource
    ).map { "\($0.type.rawValue) \($0.field)" }
  }

  @Test(arguments: changes)
  func update(subresource: String, before: String, after: String, causes: [String]) throws {
    #expect(try Self.refused(subresource, Self.pod(before), Self.pod(after)) == causes)
  }

  /// Resources after, and whether they are refused.
  static let sizes: [(String, Bool)] = [
    (#"{"requests":{"cpu":"2"},"limits":{"cpu":"3"}}"#, false),
    (#"{"requests":{"cpu":"4"},"limits":{"cpu":"3"}}"#, true),
    (#"{"requests":{"cpu":"1","a.b/c":"1"},"limits":{"cpu":"3","a.b/c":"1"}}"#, true),
  ]

  @Test(arguments: sizes)
  func resize(resources: String, isRefused: Bool) throws {
    let before = try Self.pod("", resources: #"{"requests":{"cpu":"1"},"limits":{"cpu":"3"}}"#)
    let after = try Self.pod("", resources: resources)
    #expect(try Self.refused("resize", before, after).isEmpty == !isRefused)
  }
}
