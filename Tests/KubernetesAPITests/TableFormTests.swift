import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct TableFormTests {
  private func info(_ group: String, _ resource: String) throws -> ResourceInfo {
    try #require(Catalogue.shared.resource(group: group, version: "v1", resource: resource))
  }

  @Test func aScaleHasColumnsOfItsOwn() throws {
    let scale = try JSONValue(
      parsing: #"""
        {"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"a","resourceVersion":"7"},
         "spec":{"replicas":3},"status":{"replicas":1}}
        """#)
    let table = TablePrinter.table(
      scale: scale, resource: try info("apps", "deployments"), now: PrintingTests.now,
      version: "v1beta1")
    #expect(table["apiVersion"] == "meta.k8s.io/v1beta1")
    #expect(table.at("metadata", "resourceVersion") == "7")
    let names = (table["columnDefinitions"]?.arrayValue ?? []).map { $0["name"] ?? .null }
    #expect(names == ["Name", "Desired", "Available", "Age"])
    #expect(table["rows"]?[0]?["cells"] == ["a", 3, 1, "<unknown>"])
    #expect(table["rows"]?[0]?["object"]?["apiVersion"] == "meta.k8s.io/v1beta1")
  }

  @Test func theTemplatesGenerationIsNoMetadataOfADaemonSet() throws {
    let key = "deprecated.daemonset.template.generation"
    func object(_ annotations: JSONValue) -> JSONValue {
      ["metadata": ["name": "a", "annotations": annotations]]
    }
    let sets = try info("apps", "daemonsets")
    #expect(
      TablePrinter.partialMetadata(of: object([key: "1"]), resource: sets)["metadata"]
        == ["name": "a"])
    #expect(
      TablePrinter.partialMetadata(of: object([key: "1", "b": "c"]), resource: sets)
        .at("metadata", "annotations") == ["b": "c"])
    #expect(
      TablePrinter.partialMetadata(of: object([key: "1"]), resource: try info("", "configmaps"))
        .at("metadata", "annotations") == [key: "1"])
  }

  static let messages: [(String, [UInt8])] = [
    (
      #"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"a","verbs":["get"]}]}"#,
      // Verbs are a message of their own, in which they are the first field.
      [0x0A, 0x01, 0x61, 0x22, 0x05, 0x0A, 0x03] + Array("get".utf8)
    ),
    (#"{"kind":"APIVersions","versions":["v1"]}"#, [UInt8]([0x0A, 0x02]) + Array("v1".utf8)),
    (
      #"{"kind":"APIGroup","apiVersion":"v1","name":"a","versions":[{"groupVersion":"a/v1","version":"v1"}],"preferredVersion":{"groupVersion":"a/v1","version":"v1"}}"#,
      [0x0A, 0x01, 0x61, 0x12, 0x0A, 0x0A, 0x04, 0x61, 0x2F, 0x76, 0x31, 0x12, 0x02, 0x76, 0x31]
        + [0x1A, 0x0A, 0x0A, 0x04, 0x61, 0x2F, 0x76, 0x31, 0x12, 0x02, 0x76, 0x31]
    ),
  ]

  @Test(arguments: messages)
  func discoveryHasAProtobufForm(text: String, body: [UInt8]) throws {
    let bytes = try #require(try ProtobufEncoder().encode(JSONValue(parsing: text)))
    #expect(bytes.starts(with: ProtobufFacts.magic))
    let message = String(decoding: bytes, as: UTF8.self)
    #expect(message.contains(String(decoding: body, as: UTF8.self)))
  }

  @Test func whatTheIndexNamesIsThere() throws {
    let groups = Catalogue.shared.groups.map(\.group)
    let index = OpenAPI.v3Index()
    for path in ["api", "apis", "apis/apps", "version", "openid/v1/jwks"] {
      #expect(index.at("paths", path, "serverRelativeURL") != nil, "\(path)")
      let bytes = try #require(OpenAPI.rootDocument(path, groups: groups))
      let document = try JSONValue(parsing: bytes)
      let schemas = document.at("components", "schemas")?.objectValue ?? [:]
      for reference in JSONReferences.all(in: document) {
        #expect(schemas.contains(String(reference.dropFirst("#/components/schemas/".count))))
      }
      #expect(document["paths"]?.objectValue?.count == 1)
    }
    #expect(OpenAPI.rootDocument("apis/nobody.example.com", groups: groups) == nil)
  }
}

private enum JSONReferences {
  static func all(in value: JSONValue) -> [String] {
    switch value {
    case .object(let object):
      object.flatMap { key, member in
        key == "$ref" ? [member.stringValue ?? ""] : all(in: member)
      }
    case .array(let elements): elements.flatMap(all)
    default: []
    }
  }
}
