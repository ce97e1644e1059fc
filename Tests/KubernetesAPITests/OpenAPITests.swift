import JSONDocument
import Testing

@testable import KubernetesAPI

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
    let groups = Catalogue.shared.groups
    let versions = groups.reduce(0) { $0 + $1.versions.count }
    // And what the server says of itself: of each group but the core one, and five paths more.
    #expect(index.count == versions + groups.count - 1 + 5)
    #expect(OpenAPI.v3(group: "nope", version: "v1") == nil)
  }

  /// The bytes of each field of a message, by number, in order.
  private func fields(_ bytes: ArraySlice<UInt8>) throws -> [Int: [ArraySlice<UInt8>]] {
    var reader = ProtobufReader(bytes)
    var fields: [Int: [ArraySlice<UInt8>]] = [:]
    while let (number, value) = try reader.next() {
      if case .bytes(let bytes) = value { fields[number, default: []].append(bytes) }
    }
    return fields
  }

  private func entry(_ name: String, in list: [ArraySlice<UInt8>]?) throws -> [Int: [ArraySlice<
    UInt8
  >]] {
    for bytes in list ?? [] {
      let entry = try fields(bytes)
      if entry[1]?.first.map({ String(decoding: $0, as: UTF8.self) }) == name,
        let value = entry[2]?.first
      {
        return try fields(value)
      }
    }
    Issue.record("no entry \(name)")
    return [:]
  }

  private func text(_ bytes: [ArraySlice<UInt8>]?) -> String? {
    bytes?.first.map { String(decoding: $0, as: UTF8.self) }
  }

  /// Numbers of `openapi.v2`: Document 1 swagger, 8 paths, 9 definitions; Schema 22 type, 25
  /// properties, 31 extensions; PathItem 8 patch; Operation 8 parameters.
  @Test func protobufSaysTheSame() throws {
    let document = try fields(OpenAPI.v2Protobuf()[...])
    #expect(text(document[1]) == "2.0")
    let definitions = try fields(try #require(document[9]?.first))
    let json = try JSONValue(parsing: OpenAPI.v2())
    #expect(definitions[1]?.count == json["definitions"]?.objectValue?.count)
    let deployment = try entry("io.k8s.api.apps.v1.Deployment", in: definitions[1])
    let type = try fields(try #require(deployment[22]?.first))
    #expect(text(type[1]) == "object")
    let kinds = try entry("x-kubernetes-group-version-kind", in: deployment[31])
    let yaml = try #require(text(kinds[2]))
    #expect(
      try JSONValue(parsing: Array(yaml.utf8))
        == [["group": "apps", "kind": "Deployment", "version": "v1"]])
    let properties = try fields(try #require(deployment[25]?.first))
    let spec = try entry("spec", in: properties[1])
    #expect(text(spec[1]) == "#/definitions/io.k8s.api.apps.v1.DeploymentSpec")

    let paths = try fields(try #require(document[8]?.first))
    let item = try entry("/apis/apps/v1/namespaces/{namespace}/deployments/{name}", in: paths[2])
    let patch = try fields(try #require(item[8]?.first))
    // ParametersItem 1 → Parameter 2 → NonBodyParameter 3 (query) → 4 name.
    let names = try (patch[8] ?? []).compactMap { bytes -> String? in
      let parameter = try fields(try #require(fields(bytes)[1]?.first))
      guard let nonBody = parameter[2]?.first else { return nil }
      return text(try fields(try #require(fields(nonBody)[3]?.first))[4])
    }
    #expect(names == ["dryRun", "fieldManager", "fieldValidation", "force"])
  }
}
