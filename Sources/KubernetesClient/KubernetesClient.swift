import JSONDocument
import KubernetesAPI

/// The API as reconcilers and nodes use it: over HTTPS, or in-process on the replayed log.
///
/// Every call throws `APIStatus` for an answer that is a failure, also for a server that could
/// not be reached (code 503, reason `ServiceUnavailable`).
public protocol KubernetesClient: Sendable {
  func get(_ resource: GroupVersionResource, namespace: String?, name: String) async throws
    -> JSONValue

  /// `namespace` nil: all namespaces, or a cluster-scoped resource.
  func list(_ resource: GroupVersionResource, namespace: String?, options: ListOptions)
    async throws -> ObjectList

  /// Calls `receive` with each batch of changes after `resourceVersion`, in order. Returns when
  /// the server ends the watch, throws for a failure (`Expired`, code 410, demands a new list);
  /// ends when the task is cancelled.
  func watch(
    _ resource: GroupVersionResource, namespace: String?, after resourceVersion: String,
    options: ListOptions, receive: @escaping @Sendable ([WatchEvent]) -> Void
  ) async throws

  func create(
    _ resource: GroupVersionResource, namespace: String?, object: JSONValue,
    subresource: (name: String, subresource: String)?
  ) async throws -> JSONValue

  func update(
    _ resource: GroupVersionResource, namespace: String?, name: String, object: JSONValue,
    subresource: String?
  ) async throws -> JSONValue

  func patch(
    _ resource: GroupVersionResource, namespace: String?, name: String, patch: JSONValue,
    type: PatchType, subresource: String?
  ) async throws -> JSONValue

  func delete(
    _ resource: GroupVersionResource, namespace: String?, name: String, options: DeleteOptions
  ) async throws
}

extension KubernetesClient {
  public func create(_ resource: GroupVersionResource, namespace: String?, object: JSONValue)
    async throws -> JSONValue
  {
    try await create(resource, namespace: namespace, object: object, subresource: nil)
  }

  public func update(
    _ resource: GroupVersionResource, namespace: String?, name: String, object: JSONValue
  ) async throws -> JSONValue {
    try await update(
      resource, namespace: namespace, name: name, object: object, subresource: nil)
  }
}

public struct ListOptions: Sendable, Hashable {
  public var labelSelector: String
  public var fieldSelector: String

  public init(labelSelector: String = "", fieldSelector: String = "") {
    self.labelSelector = labelSelector
    self.fieldSelector = fieldSelector
  }
}

public struct ObjectList: Sendable {
  public var items: [JSONValue]
  public var resourceVersion: String

  public init(items: [JSONValue], resourceVersion: String) {
    self.items = items
    self.resourceVersion = resourceVersion
  }
}

public struct WatchEvent: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable {
    case added = "ADDED"
    case modified = "MODIFIED"
    case deleted = "DELETED"
    case bookmark = "BOOKMARK"
  }

  public var kind: Kind
  public var object: JSONValue

  public init(kind: Kind, object: JSONValue) {
    self.kind = kind
    self.object = object
  }
}

public enum PatchType: String, Sendable, Hashable {
  case json = "application/json-patch+json"
  case merge = "application/merge-patch+json"
  case strategicMerge = "application/strategic-merge-patch+json"
}

public struct DeleteOptions: Sendable, Hashable {
  public var gracePeriodSeconds: Int?
  /// Orphan, Background or Foreground.
  public var propagationPolicy: String?
  public var preconditionUID: String?
  public var preconditionResourceVersion: String?

  public init(
    gracePeriodSeconds: Int? = nil, propagationPolicy: String? = nil,
    preconditionUID: String? = nil, preconditionResourceVersion: String? = nil
  ) {
    self.gracePeriodSeconds = gracePeriodSeconds
    self.propagationPolicy = propagationPolicy
    self.preconditionUID = preconditionUID
    self.preconditionResourceVersion = preconditionResourceVersion
  }
}

/// What a write says about its origin beyond the client's identity.
public enum WriteContext {
  /// The revision that the running reconciler reacts to; 0 outside of one. Clients send it along
  /// (over HTTPS as the header `Taffrail-Cause`), and the log keeps it.
  @TaskLocal public static var cause: UInt64 = 0
}
