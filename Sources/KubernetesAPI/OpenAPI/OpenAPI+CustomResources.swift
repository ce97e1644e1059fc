import JSONDocument

extension OpenAPI {
  private static let objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
  private static let listMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"

  /// The name under which a kind's schema is published: `com.example.stable.v1.Widget`.
  static func definitionName(group: String, version: String, kind: String) -> String {
    let reversed = group.split(separator: ".").reversed().joined(separator: ".")
    return "\(reversed).\(version).\(kind)"
  }

  /// The address of the document of a group and version, with a hash that changes with it.
  public static func v3IndexEntry(of resources: [ResourceInfo], group: String, version: String)
    -> JSONValue
  {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func combine(_ bytes: [UInt8]) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    for resource in resources {
      combine(Array(resource.resource.utf8))
      for subresource in resource.subresources { combine(Array(subresource.name.utf8)) }
      if let custom = resource.custom { combine(custom.source.serialized()) }
    }
    let text = String(hash, radix: 16, uppercase: true)
    let padded = String(repeating: "0", count: 16 - text.count) + text
    let path = path(group: group, version: version)
    return ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(padded)")]
  }

  /// The document of a group and version whose resources are custom ones.
  public static func v3(custom resources: [ResourceInfo], catalogue: Catalogue = .shared)
    -> [UInt8]
  {
    var schemas = Schemas(dialect: .v3, catalogue: catalogue)
      .definitions(from: sharedTypes(catalogue))
    let (definitions, names) = definitions(of: resources, dialect: .v3)
    for (name, definition) in definitions { schemas[name] = definition }
    let paths = Paths(dialect: .v3, catalogue: catalogue, custom: names)
    let document: JSONValue = [
      "openapi": "3.0.0", "info": info, "paths": .object(paths.all(of: resources)),
      "components": ["schemas": .object(schemas)],
    ]
    return document.serialized()
  }

  /// The Swagger 2.0 document with custom resources beside the built-in ones.
  static func v2Document(custom resources: [ResourceInfo], catalogue: Catalogue) -> JSONValue {
    var document = v2Document(catalogue: catalogue)
    guard !resources.isEmpty else { return document }
    var schemas = document["definitions"]?.objectValue ?? [:]
    var all = document["paths"]?.objectValue ?? [:]
    let (definitions, names) = definitions(of: resources, dialect: .v2)
    for (name, definition) in definitions { schemas[name] = definition }
    let paths = Paths(dialect: .v2, catalogue: catalogue, custom: names).all(of: resources)
    for (path, item) in paths { all[path] = item }
    document["definitions"] = .object(schemas)
    document["paths"] = .object(all)
    return document
  }

  public static func v2(custom resources: [ResourceInfo], catalogue: Catalogue = .shared)
    -> [UInt8]
  {
    v2Document(custom: resources, catalogue: catalogue).serialized()
  }

  private static func sharedTypes(_ catalogue: Catalogue) -> [TypeID] {
    [
      objectMeta, listMeta, "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
      "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
      "io.k8s.apimachinery.pkg.apis.meta.v1.Patch", "io.k8s.api.autoscaling.v1.Scale",
    ].compactMap { catalogue.type($0)?.id }
  }

  private static func definitions(of resources: [ResourceInfo], dialect: Dialect) -> (
    definitions: JSONObject, names: [String: String]
  ) {
    var definitions = JSONObject()
    var names: [String: String] = [:]
    for resource in resources {
      guard let custom = resource.custom else { continue }
      let (group, version) = (resource.group, resource.version)
      let name = definitionName(group: group, version: version, kind: resource.kind)
      let listName = definitionName(group: group, version: version, kind: resource.listKind)
      names["\(group)/\(version)/\(resource.kind)"] = name
      names["\(group)/\(version)/\(resource.kind)List"] = listName
      definitions[name] = definition(of: custom, dialect: dialect)
      definitions[listName] = listDefinition(of: custom, item: name, dialect: dialect)
    }
    return (definitions, names)
  }

  private static func kinds(_ custom: CustomResource, _ kind: String) -> JSONValue {
    [
      [
        "group": .string(custom.group), "kind": .string(kind),
        "version": .string(custom.version),
      ]
    ]
  }

  private static func reference(_ name: String, _ dialect: Dialect, _ description: String)
    -> JSONValue
  {
    let target: JSONValue = ["$ref": .string(dialect.references + name)]
    if dialect == .v2 {
      return ["description": .string(description), "$ref": .string(dialect.references + name)]
    }
    return ["description": .string(description), "allOf": [target], "default": [:]]
  }

  private static let typeMembers: JSONObject = [
    "apiVersion": [
      "type": "string", "description": "The version of the API that this object is written in.",
    ],
    "kind": ["type": "string", "description": "The kind of object that this is."],
  ]

  private static func definition(of custom: CustomResource, dialect: Dialect) -> JSONValue {
    let isOpen = custom.schema?.preservesUnknownFields ?? true
    guard custom.source.objectValue != nil, dialect == .v3 || !isOpen else {
      // A schema with nothing but type and metadata would make clients refuse all else.
      return [
        "type": "object", "x-kubernetes-group-version-kind": kinds(custom, custom.kind),
      ]
    }
    var schema = published(custom.source, dialect, depth: 0)
    addObjectMembers(&schema, dialect)
    schema["x-kubernetes-group-version-kind"] = kinds(custom, custom.kind)
    return schema
  }

  private static func addObjectMembers(_ schema: inout JSONValue, _ dialect: Dialect) {
    var properties = schema["properties"]?.objectValue ?? [:]
    for (name, member) in typeMembers { properties[name] = member }
    properties["metadata"] = reference(
      objectMeta, dialect, "Name, labels, owner and all else that objects have in common.")
    schema["properties"] = .object(properties)
  }

  private static func listDefinition(of custom: CustomResource, item: String, dialect: Dialect)
    -> JSONValue
  {
    var properties = typeMembers
    properties["items"] = [
      "type": "array", "description": "The objects of the list.",
      "items": ["$ref": .string(dialect.references + item)],
    ]
    properties["metadata"] = reference(
      listMeta, dialect, "The state that the list is of, and where it goes on.")
    return [
      "type": "object", "description": .string("A list of \(custom.kind) objects."),
      "required": ["items"], "properties": .object(properties),
      "x-kubernetes-group-version-kind": kinds(custom, custom.listKind),
    ]
  }

  /// A schema as clients see it. Swagger 2.0 lacks combinations and null.
  private static func published(_ schema: JSONValue, _ dialect: Dialect, depth: Int) -> JSONValue {
    guard case .object(var members) = schema, depth < StructuralSchema.maximumDepth else {
      return schema
    }
    func visit(_ value: JSONValue) -> JSONValue { published(value, dialect, depth: depth + 1) }
    if dialect == .v2 {
      for name in ["allOf", "anyOf", "oneOf", "not"] { members[name] = nil }
      if members["nullable"] == true {
        for name in ["nullable", "type", "items", "properties"] { members[name] = nil }
      }
      if members["x-kubernetes-preserve-unknown-fields"] == true {
        for name in ["items", "properties"] { members[name] = nil }
      }
    }
    if let properties = members["properties"]?.objectValue {
      members["properties"] = .object(JSONObject(properties.map { ($0, visit($1)) }))
    }
    for name in ["items", "additionalProperties"] {
      if let child = members[name], child.objectValue != nil { members[name] = visit(child) }
    }
    var result = JSONValue.object(members)
    if members["x-kubernetes-embedded-resource"] == true,
      dialect == .v3 || members["x-kubernetes-preserve-unknown-fields"] != true
    {
      addObjectMembers(&result, dialect)
    }
    return result
  }
}
