import JSONDocument
import KubernetesClient

/// Indexes that several controllers ask of the same informer.
enum SharedIndex {
  static let owner = "owner"
  static let orphans = "orphans"
  static let namespace = "namespace"

  /// By namespace, what has no controller.
  static let withoutController: IndexFunction = { object in
    object.meta.controller == nil ? [object.meta.namespace] : []
  }
}
