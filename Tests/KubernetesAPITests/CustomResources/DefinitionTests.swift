import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct DefinitionTests {
  static func definition(
    plural: String = "widgets", kind: String = "Widget", schema: String = #"{"type":"object"}"#,
    _ change: (inout JSONValue) -> Void = { _ in }
  ) throws -> JSONValue {
    var object: JSONValue = [
      "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
      "metadata": ["name": .string("\(plural).example.com")],
      "spec": [
        "group": "example.com", "scope": "Namespaced",
        "names": [
          "plural": .string(plural), "singular": .string(kind.lowercased()),
          "kind": .string(kind), "listKind": .string(kind + "List"),
        ],
        "versions": [
          [
            "name": "v1", "served": true, "storage": true,
            "schema": ["openAPIV3Schema": try JSONValue(parsing: schema)],
          ]
        ], "conversion": ["strategy": "None"],
      ], "status": ["storedVersions": ["v1"]],
    ]
    change(&object)
    return object
  }

  static let place = "spec.validation.openAPIV3Schema"

  @Test(arguments: [
    (#"{}"#, "Required .type"),
    (#"{"type":"array","items":{"type":"string"}}"#, "Invalid .type"),
    (#"{"type":"object","properties":{"a":{}}}"#, "Required .properties[a].type"),
    (#"{"type":"object","properties":{"a":{"type":"array"}}}"#, "Required .properties[a].items"),
    (#"{"type":"object","properties":{"a":{"type":"text"}}}"#, "NotSupported .properties[a].type"),
    (
      #"{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}"#,
      "Invalid .properties[a].pattern"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"integer","default":"x"}}}"#,
      "TypeInvalid .properties[a].default"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"object","anyOf":[{"type":"object"}]}}}"#,
      "Forbidden .properties[a].anyOf[0].type"
    ),
    (
      #"{"type":"object","anyOf":[{"properties":{"z":{"minLength":1}}}]}"#,
      "Required .properties[z]"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"},"x-kubernetes-list-type":"bogus"}}}"#,
      "NotSupported .properties[a].x-kubernetes-list-type"
    ),
    (
      #"{"type":"object","properties":{"metadata":{"type":"object","properties":{"labels":{"type":"object"}}}}}"#,
      "Forbidden .properties[metadata]"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"integer","x-kubernetes-validations":[{"rule":"self.b > 1"}]}}}"#,
      "Invalid .properties[a].x-kubernetes-validations[0].rule"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"},"x-kubernetes-validations":[{"rule":"self.all(x, self.all(y, self.all(z, x == y && y == z)))"}]}}}"#,
      "Forbidden .properties[a].x-kubernetes-validations[0].rule, Forbidden .properties[a].x-kubernetes-validations[0].rule, Forbidden "
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"array","maxItems":5,"items":{"type":"string","maxLength":10},"x-kubernetes-validations":[{"rule":"self.all(x, self.all(y, x == y))"}]}}}"#,
      ""
    ),
  ])
  func schemasAreChecked(_ schema: String, _ expected: String) throws {
    let errors = DefinitionChecker.errors(in: try Self.definition(schema: schema), old: nil)
      .map { error in
        var error = error
        error.field = error.field.replacingPrefix(Self.place)
        return error
      }
    #expect(StructuralSchemaTests.causes(errors) == expected)
  }

  @Test func versionsWithSchemasOfTheirOwnAreNamed() throws {
    let object = try Self.definition { object in
      var versions = object.at("spec", "versions")?.arrayValue ?? []
      versions.append([
        "name": "V2", "served": true, "storage": true,
        "schema": ["openAPIV3Schema": ["type": "string"]],
      ])
      object.set(.array(versions), at: "spec", "versions")
    }
    #expect(
      StructuralSchemaTests.causes(DefinitionChecker.errors(in: object, old: nil))
        == "Invalid spec.versions[1].name, Invalid spec.versions[1].schema.openAPIV3Schema.type, "
        + "Invalid spec.versions, Invalid status.storedVersions")
  }

  static func established(_ object: JSONValue, among others: [JSONValue] = []) -> JSONValue {
    var object = object
    object["status"] = DefinitionPlanner.status(
      of: object, among: others, now: "2026-01-01T00:00:00Z")
    return object
  }

  @Test func freeNamesAreAcceptedAndTakenOnesAreNot() throws {
    let first = Self.established(try Self.definition())
    #expect(CustomResourceDefinition(first).isEstablished)
    #expect(CustomResourceDefinition(first).acceptedNames.plural == "widgets")
    #expect(
      DefinitionPlanner.status(of: first, among: [], now: "2026-01-02T00:00:00Z") == nil)
    // Another one of the same kind waits until the first is gone.
    let second = try Self.definition(plural: "gadgets", kind: "Widget")
    let refused = Self.established(second, among: [first])
    #expect(!CustomResourceDefinition(refused).isEstablished)
    #expect(
      refused.at("status", "conditions")?[0]?["reason"] == "ListKindConflict")
    #expect(CustomResourceDefinition(refused).acceptedNames.plural == "gadgets")
    #expect(CustomResourceDefinition(Self.established(refused)).isEstablished)
  }

  @Test func versionsAreInTheOrderOfPreference() {
    let names = ["v1beta1", "v2", "v10", "v2alpha1", "foo", "v1", "v11beta2", "bar"]
    #expect(
      names.map { KubernetesVersion($0) }.sorted(by: >).map(\.name)
        == ["v10", "v2", "v1", "v11beta2", "v1beta1", "v2alpha1", "bar", "foo"])
  }

  @Test func onlyWhatChangedIsCompiledAnew() throws {
    var object = Self.established(try Self.definition())
    object.set(1, at: "metadata", "generation")
    let first = CustomCatalogue(definitions: [(object, 5)], previous: CustomCatalogue())
    let info = try #require(
      first.resource(group: "example.com", version: "v1", resource: "widgets"))
    #expect(info.custom?.schemaRevision == 5)
    // A status leaves the schema as it is; a new generation does not.
    let second = CustomCatalogue(definitions: [(object, 9)], previous: first)
    let same = try #require(second.resources.first?.custom)
    #expect(same.schemaRevision == 5)
    #expect(same.schema === info.custom?.schema)
    object.set(2, at: "metadata", "generation")
    let third = CustomCatalogue(definitions: [(object, 12)], previous: second)
    #expect(third.resources.first?.custom?.schemaRevision == 12)
  }

  @Test(arguments: [
    (".spec.a", #""x""#), (".spec.list[0]", #""p""#), (".spec.list[-1]", #""q""#),
    (".spec.list[*]", #""p" "q""#), (#".status.c[?(@.type=="Ready")].status"#, #""True""#),
    (".spec['a.b']", "1"), (#".spec.a\.b"#, "1"), (".spec.none", ""), (".spec.list[0:1]", #""p""#),
    ("..status", #"{"c":[{"type":"Ready","status":"True"}]} "True""#),
  ])
  func columnsFollowPaths(_ path: String, _ expected: String) throws {
    let object = try JSONValue(
      parsing:
        #"{"spec":{"a":"x","a.b":1,"list":["p","q"]},"status":{"c":[{"type":"Ready","status":"True"}]}}"#
    )
    let values = try #require(FieldPathExpression(path)).values(in: object)
    #expect(values.map(\.text).joined(separator: " ") == expected)
  }
}
