import JSONDocument
import KubernetesAPI
import Testing

@Suite struct OpenAPITests {
  /// All `$ref`s below a value.
  private func references(_ value: JSONValue) -> Set<String> {
    switch value {
    case .object(let object):
      object.reduce(into: []) { found, member in
        if member.0 == "$ref", let target = member.1.stringValue {
          found.insert(target)
        } else {
          found.formUnion(references(member.1))
        }
      }
    case .array(let elements): elements.reduce(into: []) { $0.formUnion(references($1)) }
    default: []
    }
  }

  @Test func documentsAreClosed() throws {
    for (group, version) in [("", "v1"), ("apps", "v1"), ("autoscaling", "v2")] {
      let bytes = try #require(OpenAPI.v3(group: group, version: version))
      let document = try JSONValue(parsing: bytes)
      let schemas = try #require(document.at("components", "schemas")?.objectValue)
      for reference in references(document) {
        #expect(schemas.contains(String(reference.dropFirst("#/components/schemas/".count))))
      }
    }
    let v2 = try JSONValue(parsing: OpenAPI.v2())
    let definitions = try #require(v2["definitions"]?.objectValue)
    for reference in references(v2) {
      #expect(definitions.contains(String(reference.dropFirst("#/definitions/".count))))
    }
  }

  @Test func patchesTakeFieldValidation() throws {
    let bytes = try #require(OpenAPI.v3(group: "apps", version: "v1"))
    let document = try JSONValue(parsing: bytes)
    let patch = document["paths"]?["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?[
      "patch"]
    let names = (patch?["parameters"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    #expect(names.contains("fieldValidation"))
    #expect(names.contains("dryRun"))
    #expect(
      patch?["x-kubernetes-group-version-kind"]
        == ["group": "apps", "kind": "Deployment", "version": "v1"])
    let spec = document.at("components", "schemas")?["io.k8s.api.core.v1.PodSpec"]
    let containers = spec?.at("properties", "containers")
    #expect(containers?["x-kubernetes-patch-merge-key"] == "name")
    #expect(containers?["x-kubernetes-list-type"] == "map")
  }

  @Test func theIndexNamesEveryGroup() {
    let index = OpenAPI.v3Index()["paths"]?.objectValue ?? [:]
    #expect(index.contains("api/v1"))
    #expect(index.contains("apis/apps/v1"))
    #expect(index.count == Catalogue.shared.groups.reduce(0) { $0 + $1.versions.count })
    #expect(OpenAPI.v3(group: "nope", version: "v1") == nil)
  }
}
