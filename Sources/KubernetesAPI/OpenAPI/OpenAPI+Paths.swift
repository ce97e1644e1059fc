import JSONDocument

extension OpenAPI {
  /// The operations of resources. kubectl looks at the parameters of `patch` to learn whether the
  /// server checks fields and has dry runs.
  struct Paths {
    let dialect: Dialect
    let catalogue: Catalogue
    /// Schemas of custom resources by group, version and kind.
    var custom: [String: String] = [:]

    func all(of resources: [ResourceInfo]) -> JSONObject {
      var paths: JSONObject = [:]
      for resource in resources {
        let root = "/\(OpenAPI.path(group: resource.group, version: resource.version))/"
        let collection =
          root + (resource.namespaced ? "namespaces/{namespace}/" : "") + resource.resource
        let verbs = Set(resource.verbs)
        paths[collection] = .object(
          item(
            resource, kind: kind(resource), name: false,
            methods: [
              ("get", "list", verbs.contains("list")), ("post", "post", verbs.contains("create")),
              ("delete", "deletecollection", verbs.contains("deletecollection")),
            ]))
        paths[collection + "/{name}"] = .object(
          item(
            resource, kind: kind(resource), name: true,
            methods: [
              ("get", "get", verbs.contains("get")), ("put", "put", verbs.contains("update")),
              ("patch", "patch", verbs.contains("patch")),
              ("delete", "delete", verbs.contains("delete")),
            ]))
        if resource.namespaced, verbs.contains("list") {
          var everywhere = resource
          everywhere.namespaced = false
          paths[root + resource.resource] = .object(
            item(
              everywhere, kind: kind(resource), name: false, methods: [("get", "list", true)]))
        }
        for subresource in resource.subresources {
          let verbs = Set(subresource.verbs)
          let kind: JSONValue = [
            "group": .string(subresource.group), "kind": .string(subresource.kind),
            "version": .string(subresource.version),
          ]
          paths["\(collection)/{name}/\(subresource.name)"] = .object(
            item(
              resource, kind: kind, name: true,
              methods: [
                ("get", "get", verbs.contains("get")), ("put", "put", verbs.contains("update")),
                ("post", "post", verbs.contains("create")),
                ("patch", "patch", verbs.contains("patch")),
                ("delete", "delete", verbs.contains("delete")),
              ]))
        }
      }
      for key in paths.keys where paths[key] == [:] { paths[key] = nil }
      return paths
    }

    private func kind(_ resource: ResourceInfo) -> JSONValue {
      [
        "group": .string(resource.group), "kind": .string(resource.kind),
        "version": .string(resource.version),
      ]
    }

    private func item(
      _ resource: ResourceInfo, kind: JSONValue, name: Bool,
      methods: [(method: String, action: String, present: Bool)]
    ) -> JSONObject {
      var item: JSONObject = [:]
      for (method, action, present) in methods where present {
        item[method] = operation(kind: kind, method: method, action: action)
      }
      guard !item.isEmpty else { return [:] }
      var parameters: [JSONValue] = []
      if name { parameters.append(parameter("name", "path", "Name of the \(resource.kind).")) }
      if resource.namespaced {
        parameters.append(parameter("namespace", "path", "Namespace of the \(resource.kind)."))
      }
      parameters.append(parameter("pretty", "query", "Whether to indent the answer."))
      item["parameters"] = .array(parameters)
      return item
    }

    private func parameter(
      _ name: String, _ place: String, _ description: String, type: String = "string"
    )
      -> JSONValue
    {
      var parameter: JSONObject = [
        "name": .string(name), "in": .string(place), "description": .string(description),
      ]
      if place == "path" { parameter["required"] = true }
      if dialect == .v3 {
        parameter["schema"] = ["type": .string(type), "uniqueItems": true]
      } else {
        parameter["type"] = .string(type)
        parameter["uniqueItems"] = true
      }
      return .object(parameter)
    }

    private func operation(kind: JSONValue, method: String, action: String) -> JSONValue {
      let name = kind["kind"]?.stringValue ?? ""
      let type = catalogue.type(
        group: kind["group"]?.stringValue ?? "", version: kind["version"]?.stringValue ?? "",
        kind: action == "list" ? "\(name)List" : name)
      let key =
        "\(kind["group"]?.stringValue ?? "")/\(kind["version"]?.stringValue ?? "")/\(name)"
        + (action == "list" ? "List" : "")
      let schema: JSONValue? = (type?.name ?? custom[key]).map {
        ["$ref": .string(dialect.references + $0)]
      }
      var parameters: [JSONValue] = []
      if ["post", "put", "patch"].contains(action) {
        parameters = [
          parameter("dryRun", "query", "`All` checks the request without keeping its result."),
          parameter("fieldManager", "query", "Who makes the change."),
          parameter(
            "fieldValidation", "query",
            "What to do about unknown and repeated fields: Ignore, Warn or Strict."),
        ]
        if action == "patch" {
          parameters.append(
            parameter("force", "query", "Whether apply takes over fields.", type: "boolean"))
        }
      }
      if action.hasPrefix("delete") {
        parameters = [
          parameter("dryRun", "query", "`All` checks the request without keeping its result.")
        ]
      }
      if action == "list" || action == "deletecollection" {
        for (name, description, type) in [
          ("continue", "Where the page before ended.", "string"),
          ("fieldSelector", "Which objects, by their fields.", "string"),
          ("labelSelector", "Which objects, by their labels.", "string"),
          ("limit", "The most objects that one page may hold.", "integer"),
          ("resourceVersion", "The state to read.", "string"),
          ("watch", "Whether changes are to be streamed.", "boolean"),
        ] { parameters.append(parameter(name, "query", description, type: type)) }
      }
      var operation: JSONObject = [
        "description": .string("\(action) of \(name)"),
        "x-kubernetes-action": .string(action),
        "x-kubernetes-group-version-kind": kind,
      ]
      let hasBody = ["post", "put", "patch"].contains(action)
      if let schema {
        describe(
          schema, hasBody: hasBody, action: action, mergesLists: type != nil, &operation,
          &parameters)
      }
      if operation["responses"] == nil {
        operation["responses"] = ["200": ["description": "OK"]]
      }
      if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
      return .object(operation)
    }

    private func describe(
      _ schema: JSONValue, hasBody: Bool, action: String, mergesLists: Bool,
      _ operation: inout JSONObject, _ parameters: inout [JSONValue]
    ) {
      let patch: JSONValue = [
        "$ref": .string(dialect.references + "io.k8s.apimachinery.pkg.apis.meta.v1.Patch")
      ]
      let body = action == "patch" ? patch : schema
      let types =
        action == "patch"
        ? [
          "application/apply-patch+yaml", "application/json-patch+json",
          "application/merge-patch+json",
        ] + (mergesLists ? ["application/strategic-merge-patch+json"] : [])
        : ["application/json", "application/yaml"]
      if dialect == .v2 {
        if hasBody {
          parameters.append(["name": "body", "in": "body", "required": true, "schema": body])
          operation["consumes"] = .array(types.map(JSONValue.string))
        }
        operation["produces"] = ["application/json", "application/yaml"]
        operation["responses"] = ["200": ["description": "OK", "schema": schema]]
        return
      }
      if hasBody {
        operation["requestBody"] = [
          "required": true,
          "content": .object(JSONObject(types.map { ($0, ["schema": body]) })),
        ]
      }
      operation["responses"] = [
        "200": [
          "description": "OK",
          "content": [
            "application/json": ["schema": schema], "application/yaml": ["schema": schema],
          ],
        ]
      ]
    }
  }
}
