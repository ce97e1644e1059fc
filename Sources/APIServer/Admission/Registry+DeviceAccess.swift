import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  private static let adminLabel = "resource.kubernetes.io/admin-access"

  /// Devices that others use are handed out in namespaces that are marked for it (KEP-5018).
  func problemsOfDeviceAccess(_ object: JSONValue, _ info: ResourceInfo) -> [FieldError] {
    guard info.group == "resource.k8s.io" else { return [] }
    let requests: JSONValue? =
      switch info.resource {
      case "resourceclaims": object.at("spec", "devices", "requests")
      case "resourceclaimtemplates": object.at("spec", "spec", "devices", "requests")
      default: nil
      }
    guard
      let index = (requests?.arrayValue ?? []).firstIndex(where: {
        $0.at("exactly", "adminAccess") == true
      })
    else { return [] }
    let key = Key(resource: "namespaces", group: "", namespace: "", name: object.namespace)
    let namespace = store.current().get(key).flatMap { try? JSONValue(parsing: $0.value) }
    guard namespace?.at("metadata", "labels", Self.adminLabel) != "true" else { return [] }
    // Upstream names this place for templates as well.
    return [
      .forbidden(
        "spec.devices.requests[\(index)].adminAccess",
        "admin access to devices requires the `\(Self.adminLabel): true` label on the containing "
          + "namespace")
    ]
  }
}
