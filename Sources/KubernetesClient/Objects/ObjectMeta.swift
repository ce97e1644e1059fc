import JSONDocument
import KubernetesAPI

/// Reads an object's metadata. What is absent or of another type reads as empty.
package struct ObjectMeta: Sendable {
  package let value: JSONValue

  private func text(_ key: String) -> String { value[key]?.stringValue ?? "" }

  package var name: String { text("name") }
  package var namespace: String { text("namespace") }
  package var uid: String { text("uid") }
  package var resourceVersion: String { text("resourceVersion") }
  package var generateName: String { text("generateName") }
  package var generation: Int64 { value["generation"]?.intValue ?? 0 }
  package var labels: [String: String] { Self.strings(value["labels"]) }
  package var labelObject: JSONObject? { value["labels"]?.objectValue }
  package var annotations: [String: String] { Self.strings(value["annotations"]) }
  package var finalizers: [String] {
    (value["finalizers"]?.arrayValue ?? []).compactMap(\.stringValue)
  }
  package var isBeingDeleted: Bool { value["deletionTimestamp"]?.stringValue != nil }
  package var creationTimestamp: String { text("creationTimestamp") }
  package var deletionTimestamp: String? { value["deletionTimestamp"]?.stringValue }

  package func label(_ key: String) -> String? { value.at("labels", key)?.stringValue }
  package func annotation(_ key: String) -> String? { value.at("annotations", key)?.stringValue }

  package var ownerReferences: [OwnerReference] {
    (value["ownerReferences"]?.arrayValue ?? []).map { OwnerReference($0) }
  }

  package var controller: OwnerReference? {
    guard let references = value["ownerReferences"]?.arrayValue else { return nil }
    return references.first { $0["controller"]?.boolValue == true }.map { OwnerReference($0) }
  }

  package static func strings(_ value: JSONValue?) -> [String: String] {
    guard let object = value?.objectValue else { return [:] }
    var strings: [String: String] = [:]
    for (key, value) in object {
      if let text = value.stringValue { strings[key] = text }
    }
    return strings
  }
}

extension JSONValue {
  package var meta: ObjectMeta { ObjectMeta(value: self["metadata"] ?? .null) }
  package var key: ObjectKey { ObjectKey(self) }

  /// A map of strings as an object, in the order of its keys.
  package init(strings: [String: String]) {
    self = .object(
      JSONObject(strings.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }))
  }
}
