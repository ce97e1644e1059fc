import JSONDocument
import KubernetesAPI

// In place until the catalogue brings these; each goes as soon as its namesake is there.

enum Defaulting { static func apply(to object: inout JSONValue, resource: ResourceInfo) {} }
enum Validation {
  static func create(_ object: JSONValue, resource: ResourceInfo) -> [FieldError] { [] }
  static func update(new: JSONValue, old: JSONValue, resource: ResourceInfo, subresource: String)
    -> [FieldError]
  { [] }
}
enum TablePrinter {
  static func table(
    objects: [JSONValue], resource: ResourceInfo, includeObject: String, resourceVersion: String,
    continue: String, now: Int64
  ) -> JSONValue {
    [
      "kind": "Table", "apiVersion": "meta.k8s.io/v1",
      "metadata": ["resourceVersion": .string(resourceVersion)],
      "columnDefinitions": [
        ["name": "Name", "type": "string", "format": "name", "description": "", "priority": 0]
      ],
      "rows": .array(objects.map { ["cells": [$0["metadata"]?["name"] ?? ""], "object": $0] }),
    ]
  }
}
enum OpenAPI {
  static func v3Index() -> JSONValue { ["paths": [:]] }
  static func v3(group: String, version: String) -> JSONValue {
    ["openapi": "3.0.0", "paths": [:]]
  }
  static func v2() -> JSONValue {
    ["swagger": "2.0", "paths": [:], "info": ["title": "Kubernetes", "version": "v1.36.2"]]
  }
}
