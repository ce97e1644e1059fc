import JSONDocument
import KubernetesAPI

/// What a CustomResourceDefinition that is established serves, as far as collecting goes. Pure.
struct ServedDefinition: Sendable, Equatable {
  static let definitions = GroupVersionResource(
    group: "apiextensions.k8s.io", resource: "customresourcedefinitions")

  /// In one of the served versions; they all show the same objects.
  var resource: GroupVersionResource
  var kind: String
  var isNamespaced: Bool

  /// Nil where nothing is served.
  init?(_ object: JSONValue) {
    let definition = CustomResourceDefinition(object)
    guard definition.isEstablished,
      let version = definition.versions.first(where: { $0.isServed && $0.isStorage })
        ?? definition.versions.first(where: \.isServed)
    else { return nil }
    let names = definition.acceptedNames
    resource = GroupVersionResource(
      group: definition.group, version: version.name, resource: names.plural)
    kind = names.kind
    isNamespaced = definition.isNamespaced
  }
}
