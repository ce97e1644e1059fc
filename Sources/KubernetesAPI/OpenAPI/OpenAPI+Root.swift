import JSONDocument

// The documents of paths that are no resources: what a server says of itself.
extension OpenAPI {
  /// Where the documents are below `/openapi/v3/`.
  ///
  /// - Parameter groups: all groups that are served; the core group has no document of its own.
  static func rootDocuments(groups: [String]) -> [String] {
    [".well-known/openid-configuration", "api", "apis", "openid/v1/jwks", "version"]
      + groups.filter { !$0.isEmpty }.map { "apis/\($0)" }
  }

  /// What the index says of one of them.
  public static func rootIndexEntry(_ path: String) -> JSONValue {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    // FNV-1a; the documents differ by their paths only.
    for byte in "\(info["version"]?.stringValue ?? "") \(path)".utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    let text = String(hash, radix: 16, uppercase: true)
    let digits = String(repeating: "0", count: 16 - text.count) + text
    return ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(digits)")]
  }

  /// The document of a path that is no resource; nil where there is none.
  public static func rootDocument(_ path: String, groups: [String]) -> [UInt8]? {
    guard rootDocuments(groups: groups).contains(path) else { return nil }
    let answer: JSONValue
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
    func named(_ name: String) -> JSONValue {
      ["$ref": .string("#/components/schemas/\(name.hasPrefix("io.") ? name : meta + name)")]
    }
    switch path {
    case "api": answer = named("APIVersions")
    case "apis": answer = named("APIGroupList")
    case "version": answer = named("io.k8s.apimachinery.pkg.version.Info")
    case "openid/v1/jwks", ".well-known/openid-configuration": answer = ["type": "string"]
    default: answer = named("APIGroup")
    }
    let content: JSONValue = ["schema": answer]
    let isText = answer["type"] == "string"
    let operation: JSONValue = [
      "responses": [
        "200": [
          "description": "OK",
          "content": isText
            ? ["application/json": content]
            : [
              "application/json": content, "application/vnd.kubernetes.protobuf": content,
              "application/yaml": content,
            ],
        ],
        "401": ["description": "Unauthorized"],
      ]
    ]
    var schemas: JSONObject = [:]
    if !isText {
      for (name, schema) in descriptions {
        schemas[name.hasPrefix("io.") ? name : meta + name] = schema
      }
    }
    let address = "/\(path)" + (isText ? "" : "/")
    let document: JSONValue = [
      "openapi": "3.0.0", "info": info, "paths": .object([address: ["get": operation]]),
      "components": ["schemas": .object(schemas)],
    ]
    return document.serialized()
  }

  /// Schemas by type; names without dots are of meta/v1.
  private static var descriptions: [(String, JSONValue)] {
    let meta = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1."
    func reference(_ name: String) -> JSONValue { ["$ref": .string(meta + name)] }
    func list(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }
    func object(_ properties: JSONValue, required: [JSONValue]) -> JSONValue {
      ["type": "object", "required": .array(required), "properties": properties]
    }
    let text: JSONValue = ["type": "string"]
    let addresses = list(reference("ServerAddressByClientCIDR"))
    return [
      (
        "APIVersions",
        object(
          [
            "apiVersion": text, "kind": text, "serverAddressByClientCIDRs": addresses,
            "versions": list(text),
          ], required: ["versions", "serverAddressByClientCIDRs"])
      ),
      (
        "APIGroupList",
        object(
          ["apiVersion": text, "groups": list(reference("APIGroup")), "kind": text],
          required: ["groups"])
      ),
      (
        "APIGroup",
        object(
          [
            "apiVersion": text, "kind": text, "name": text,
            "preferredVersion": reference("GroupVersionForDiscovery"),
            "serverAddressByClientCIDRs": addresses,
            "versions": list(reference("GroupVersionForDiscovery")),
          ], required: ["name", "versions"])
      ),
      (
        "GroupVersionForDiscovery",
        object(["groupVersion": text, "version": text], required: ["groupVersion", "version"])
      ),
      (
        "ServerAddressByClientCIDR",
        object(
          ["clientCIDR": text, "serverAddress": text], required: ["clientCIDR", "serverAddress"])
      ),
      (
        "io.k8s.apimachinery.pkg.version.Info",
        object(
          [
            "buildDate": text, "compiler": text, "gitCommit": text, "gitTreeState": text,
            "gitVersion": text, "goVersion": text, "major": text, "minor": text, "platform": text,
          ],
          required: [
            "major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion",
            "compiler", "platform",
          ])
      ),
    ]
  }
}
