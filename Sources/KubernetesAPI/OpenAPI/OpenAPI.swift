import JSONDocument

/// The API described as OpenAPI documents, from the catalogue.
///
/// Documents are a megabyte or so and made anew at each call: callers keep them.
public enum OpenAPI {
  enum Dialect {
    case v2
    case v3

    var references: String {
      self == .v2 ? "#/definitions/" : "#/components/schemas/"
    }
  }

  static let info: JSONValue = ["title": "Kubernetes", "version": "v1.36.2"]

  /// The path of a group and version below `/openapi/v3/`, e.g. `api/v1`, `apis/apps/v1`.
  public static func path(group: String, version: String) -> String {
    group.isEmpty ? "api/\(version)" : "apis/\(group)/\(version)"
  }

  /// What `/openapi/v3` answers: where the document of each group and version is. The hash in the
  /// address changes with the content, so that clients may keep what they have.
  public static func v3Index(catalogue: Catalogue = .shared) -> JSONValue {
    var paths: JSONObject = [:]
    for (group, versions) in catalogue.groups {
      for version in versions {
        let path = path(group: group, version: version)
        let hash = contentHash(group: group, version: version, catalogue: catalogue)
        paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash)")]
      }
    }
    for path in rootDocuments(groups: catalogue.groups.map(\.group)) {
      paths[path] = rootIndexEntry(path)
    }
    return ["paths": .object(paths)]
  }

  /// FNV-1a over the names of all that the document is made of.
  static func contentHash(group: String, version: String, catalogue: Catalogue) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func combine(_ text: String) {
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    for resource in catalogue.resources(group: group, version: version) {
      combine(resource.resource)
      for verb in resource.verbs { combine(verb) }
      for subresource in resource.subresources { combine(subresource.name) }
    }
    for id in Schemas.reachable(
      from: rootTypes(group: group, version: version, catalogue), catalogue)
    {
      let type = catalogue.type(id)
      combine(type.name)
      for field in type.fields { combine(field.name) }
    }
    let text = String(hash, radix: 16, uppercase: true)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  /// The document of one group and version; nil where there is none.
  public static func v3(group: String, version: String, catalogue: Catalogue = .shared)
    -> [UInt8]?
  {
    let resources = catalogue.resources(group: group, version: version)
    guard !resources.isEmpty else { return nil }
    let roots = rootTypes(group: group, version: version, catalogue)
    let schemas = Schemas(dialect: .v3, catalogue: catalogue)
    let paths = Paths(dialect: .v3, catalogue: catalogue)
    let document: JSONValue = [
      "openapi": "3.0.0", "info": info, "paths": .object(paths.all(of: resources)),
      "components": ["schemas": .object(schemas.definitions(from: roots))],
    ]
    return document.serialized()
  }

  /// Everything in one Swagger 2.0 document.
  public static func v2(catalogue: Catalogue = .shared) -> [UInt8] {
    v2Document(catalogue: catalogue).serialized()
  }

  static func v2Document(catalogue: Catalogue) -> JSONValue {
    var roots: [TypeID] = []
    for (group, versions) in catalogue.groups {
      for version in versions {
        roots += rootTypes(group: group, version: version, catalogue)
      }
    }
    let schemas = Schemas(dialect: .v2, catalogue: catalogue)
    let paths = Paths(dialect: .v2, catalogue: catalogue)
    return [
      "swagger": "2.0", "info": info, "paths": .object(paths.all(of: catalogue.resources)),
      "definitions": .object(schemas.definitions(from: roots)),
    ]
  }

  /// The kinds of a group and version, their lists, and what every API answers with.
  private static func rootTypes(group: String, version: String, _ catalogue: Catalogue)
    -> [TypeID]
  {
    var names: [TypeInfo?] = [
      catalogue.type("io.k8s.apimachinery.pkg.apis.meta.v1.Status"),
      catalogue.type("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"),
      catalogue.type("io.k8s.apimachinery.pkg.apis.meta.v1.Patch"),
      catalogue.type("io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"),
    ]
    for resource in catalogue.resources(group: group, version: version) {
      names.append(catalogue.type(resource.typeName))
      names.append(catalogue.type(group: group, version: version, kind: resource.listKind))
      for subresource in resource.subresources {
        names.append(
          catalogue.type(
            group: subresource.group, version: subresource.version, kind: subresource.kind))
      }
    }
    return names.compactMap { $0?.id }
  }
}
