import JSONDocument

/// Points at an object, as `ObjectReference` of core/v1.
public struct ObjectReference: Sendable, Hashable {
  public var apiVersion: String
  public var kind: String
  public var namespace: String
  public var name: String
  public var uid: String
  public var resourceVersion: String
  public var fieldPath: String

  public init(
    apiVersion: String, kind: String, namespace: String, name: String, uid: String,
    resourceVersion: String = "", fieldPath: String = ""
  ) {
    self.apiVersion = apiVersion
    self.kind = kind
    self.namespace = namespace
    self.name = name
    self.uid = uid
    self.resourceVersion = resourceVersion
    self.fieldPath = fieldPath
  }

  /// Points at `object`; objects out of lists do not say what they are.
  public init(apiVersion: String, kind: String, object: JSONValue) {
    let metadata = object["metadata"]
    self.init(
      apiVersion: apiVersion, kind: kind, namespace: metadata?["namespace"]?.stringValue ?? "",
      name: metadata?["name"]?.stringValue ?? "", uid: metadata?["uid"]?.stringValue ?? "",
      resourceVersion: metadata?["resourceVersion"]?.stringValue ?? "")
  }

  /// The object, without the empty members.
  public var object: JSONValue {
    var object = JSONObject()
    for (key, value) in [
      ("kind", kind), ("namespace", namespace), ("name", name), ("uid", uid),
      ("apiVersion", apiVersion), ("resourceVersion", resourceVersion), ("fieldPath", fieldPath),
    ] where !value.isEmpty {
      object[key] = .string(value)
    }
    return .object(object)
  }
}
