import JSONDocument

/// Reads and edits what all objects have in common; fields that no view knows stay as they are.
public struct ObjectView: Sendable, Hashable {
  public var json: JSONValue

  public init(_ json: JSONValue) { self.json = json }

  private func meta(_ key: String) -> String { json["metadata"]?[key]?.stringValue ?? "" }

  public var apiVersion: String { json["apiVersion"]?.stringValue ?? "" }
  public var kind: String { json["kind"]?.stringValue ?? "" }

  public var name: String {
    get { meta("name") }
    set { json.set(.string(newValue), at: "metadata", "name") }
  }

  public var generateName: String { meta("generateName") }

  /// Empty for cluster-scoped objects.
  public var namespace: String {
    get { meta("namespace") }
    set { json.set(newValue.isEmpty ? nil : .string(newValue), at: "metadata", "namespace") }
  }

  public var uid: String {
    get { meta("uid") }
    set { json.set(.string(newValue), at: "metadata", "uid") }
  }

  public var resourceVersion: String {
    get { meta("resourceVersion") }
    set {
      json.set(newValue.isEmpty ? nil : .string(newValue), at: "metadata", "resourceVersion")
    }
  }

  public var generation: Int64 {
    get { json.at("metadata", "generation")?.intValue ?? 0 }
    set { json.set(newValue == 0 ? nil : .int(newValue), at: "metadata", "generation") }
  }

  public var labels: JSONObject {
    get { json.at("metadata", "labels")?.objectValue ?? [:] }
    set { json.set(newValue.isEmpty ? nil : .object(newValue), at: "metadata", "labels") }
  }

  public var annotations: JSONObject {
    get { json.at("metadata", "annotations")?.objectValue ?? [:] }
    set { json.set(newValue.isEmpty ? nil : .object(newValue), at: "metadata", "annotations") }
  }

  public var finalizers: [String] {
    get { (json.at("metadata", "finalizers")?.arrayValue ?? []).compactMap(\.stringValue) }
    set {
      json.set(
        newValue.isEmpty ? nil : .array(newValue.map(JSONValue.string)), at: "metadata",
        "finalizers")
    }
  }

  public var ownerReferences: [OwnerReference] {
    get { (json.at("metadata", "ownerReferences")?.arrayValue ?? []).map(OwnerReference.init) }
    set {
      json.set(
        newValue.isEmpty ? nil : .array(newValue.map(\.json)), at: "metadata", "ownerReferences")
    }
  }

  /// The owner that manages this object, if any.
  public var controller: OwnerReference? { ownerReferences.first { $0.isController } }

  public var creationTimestamp: Timestamp? { time("creationTimestamp") }
  public var deletionTimestamp: Timestamp? { time("deletionTimestamp") }

  public var isBeingDeleted: Bool {
    json.at("metadata", "deletionTimestamp")?.stringValue != nil
  }

  private func time(_ key: String) -> Timestamp? {
    json["metadata"]?[key]?.stringValue.flatMap(Timestamp.init(parsing:))
  }

  public var spec: JSONValue { json["spec"] ?? .null }
  public var status: JSONValue { json["status"] ?? .null }

  /// The condition of a type in `status.conditions`.
  public func condition(_ type: String) -> JSONValue? {
    json.at("status", "conditions")?.arrayValue?.first { $0["type"]?.stringValue == type }
  }

  public func conditionIsTrue(_ type: String) -> Bool { condition(type)?["status"] == "True" }
}

/// One entry of `metadata.ownerReferences`.
public struct OwnerReference: Sendable, Hashable {
  public var apiVersion: String
  public var kind: String
  public var name: String
  public var uid: String
  public var isController: Bool
  public var blockOwnerDeletion: Bool

  public init(
    apiVersion: String, kind: String, name: String, uid: String, isController: Bool = false,
    blockOwnerDeletion: Bool = false
  ) {
    self.apiVersion = apiVersion
    self.kind = kind
    self.name = name
    self.uid = uid
    self.isController = isController
    self.blockOwnerDeletion = blockOwnerDeletion
  }

  public init(_ json: JSONValue) {
    self.init(
      apiVersion: json["apiVersion"]?.stringValue ?? "", kind: json["kind"]?.stringValue ?? "",
      name: json["name"]?.stringValue ?? "", uid: json["uid"]?.stringValue ?? "",
      isController: json["controller"]?.boolValue ?? false,
      blockOwnerDeletion: json["blockOwnerDeletion"]?.boolValue ?? false)
  }

  public var json: JSONValue {
    var object: JSONObject = [
      "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name),
      "uid": .string(uid),
    ]
    if isController { object["controller"] = true }
    if blockOwnerDeletion { object["blockOwnerDeletion"] = true }
    return .object(object)
  }
}
