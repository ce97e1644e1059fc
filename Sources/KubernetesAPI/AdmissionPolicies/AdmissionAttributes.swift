import JSONDocument

/// What an admission policy sees of a write.
public struct AdmissionAttributes: Sendable {
  public enum Operation: String, Sendable, Hashable {
    case create = "CREATE"
    case update = "UPDATE"
    case delete = "DELETE"
  }

  public var operation: Operation
  public var resource: GroupVersionResource
  public var kind: TypeInfo.GroupVersionKind
  /// Empty for the object itself.
  public var subresource: String
  /// Empty for what lies in no namespace. A Namespace lies in none.
  public var namespace: String
  public var name: String
  public var isDryRun: Bool
  /// The caller, as reviews describe users.
  public var user: JSONValue
  /// `nil` for a deletion.
  public var object: JSONValue?
  /// `nil` for a creation.
  public var oldObject: JSONValue?
  /// The Namespace that the object lies in.
  public var namespaceObject: JSONValue?
  /// Says what the caller, or a service account, may do; nil where nobody knows.
  public var authorizer: (@Sendable (AccessQuestion) -> AccessAnswer)?

  public init(
    operation: Operation, resource: GroupVersionResource, kind: TypeInfo.GroupVersionKind,
    subresource: String = "", namespace: String, name: String, isDryRun: Bool = false,
    user: JSONValue = [:], object: JSONValue?, oldObject: JSONValue? = nil,
    namespaceObject: JSONValue? = nil,
    authorizer: (@Sendable (AccessQuestion) -> AccessAnswer)? = nil
  ) {
    self.operation = operation
    self.resource = resource
    self.kind = kind
    self.subresource = subresource
    self.namespace = namespace
    self.name = name
    self.isDryRun = isDryRun
    self.user = user
    self.object = object
    self.oldObject = oldObject
    self.namespaceObject = namespaceObject
    self.authorizer = authorizer
  }

  var isNamespace: Bool { resource.group.isEmpty && resource.resource == "namespaces" }

  /// The variable `authorizer` of expressions.
  var access: CELAccess? {
    authorizer.map { decide in
      CELAccess(
        decide: decide,
        request: AccessQuestion(
          group: resource.group, resource: resource.resource, subresource: subresource,
          namespace: namespace, name: name))
    }
  }

  /// The variable `request` of expressions.
  var request: JSONValue {
    let kind: JSONValue = [
      "group": .string(self.kind.group), "version": .string(self.kind.version),
      "kind": .string(self.kind.kind),
    ]
    let resource: JSONValue = [
      "group": .string(self.resource.group), "version": .string(self.resource.version),
      "resource": .string(self.resource.resource),
    ]
    return [
      "kind": kind, "resource": resource, "subResource": .string(subresource),
      "requestKind": kind, "requestResource": resource,
      "requestSubResource": .string(subresource), "name": .string(name),
      "namespace": .string(namespace), "operation": .string(operation.rawValue),
      "userInfo": user, "dryRun": .bool(isDryRun), "options": [:],
    ]
  }
}
