import JSONDocument
import KubernetesAPI
import KubernetesClient

extension OwnerReference {
  /// A reference that makes `owner` the controller.
  init(controlledBy owner: JSONValue, apiVersion: String, kind: String) {
    self.init(
      apiVersion: apiVersion, kind: kind, name: owner.meta.name, uid: owner.meta.uid,
      isController: true, blockOwnerDeletion: true)
  }

  /// The group before the slash of `apiVersion`; empty for the core group.
  var group: String {
    apiVersion.firstIndex(of: "/").map { String(apiVersion[..<$0]) } ?? ""
  }

  var version: String {
    apiVersion.firstIndex(of: "/").map { String(apiVersion[apiVersion.index(after: $0)...]) }
      ?? apiVersion
  }
}
