import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  /// Holds nodes to their own objects; costs nothing for everybody else.
  func checkNodeRestriction(
    _ operation: NodeRestriction.Operation, _ new: JSONValue, old: JSONValue?,
    _ info: ResourceInfo, subresource: String, _ context: RequestContext
  ) throws(APIStatus) {
    guard let node = NodeIdentity.nodeName(of: context.user),
      configuration.isEnabled(AdmissionPlugin.nodeRestriction)
    else { return }
    let name = operation == .delete ? old?.name ?? "" : new.name
    var problem: String?
    switch info.groupResource {
    case "nodes":
      problem = NodeRestriction.refusal(node: node, operation, nodeObject: new, old: old)
    case "pods":
      problem = NodeRestriction.refusal(
        node: node, operation, pod: new, old: old, subresource: subresource)
      if problem == nil, operation == .create { problem = try ownerProblem(new, node) }
    case "persistentvolumeclaims":
      if operation == .update, let old {
        problem = NodeRestriction.refusal(
          node: node, claim: new, old: old, subresource: subresource)
      }
    case "leases.coordination.k8s.io":
      let namespace = operation == .delete ? old?.namespace ?? "" : new.namespace
      if namespace != "kube-node-lease" {
        problem =
          "can only access leases in the \"kube-node-lease\" system namespace"
      } else if name != node {
        problem = "can only access node lease with the same name as the requesting node"
      }
    case "csinodes.storage.k8s.io":
      if name != node {
        problem = "can only access CSINode with the same name as the requesting node"
      }
    case "resourceslices.resource.k8s.io":
      let own = (operation == .delete ? old : new)?.at("spec", "nodeName")?.stringValue
      if own != node {
        problem =
          operation == .delete
          ? "can only delete ResourceSlice with spec.NodeName field same as the requesting node"
          : "can only create ResourceSlice with spec.NodeName field same as the requesting node"
      }
    default: break
    }
    if let problem { throw .forbidden(info.gvr, name: name, problem) }
  }

  /// The owner of a mirror pod is the node that is there, not one that was of this name.
  private func ownerProblem(_ pod: JSONValue, _ node: String) throws(APIStatus) -> String? {
    guard let owner = pod.at("metadata", "ownerReferences")?[0] else { return nil }
    let key = Key(resource: "nodes", group: "", namespace: "", name: node)
    guard let entry = store.current().get(key) else { return nil }
    let uid = try ObjectCodec.parse(entry.value, key: key).uid
    return owner["uid"]?.stringValue == uid
      ? nil : "node \(node) UID mismatch: expected \(uid) got \(owner["uid"]?.stringValue ?? "")"
  }

  /// A node gets tokens for the pods that run on it.
  func checkNodeToken(
    boundTo reference: JSONValue?, namespace: String, name: String, _ context: RequestContext
  ) throws(APIStatus) {
    guard let node = NodeIdentity.nodeName(of: context.user),
      configuration.isEnabled(AdmissionPlugin.nodeRestriction)
    else { return }
    func refuse(_ message: String) -> APIStatus {
      .forbidden(.serviceAccounts, name: name, message)
    }
    guard let reference, reference["apiVersion"]?.stringValue == "v1",
      reference["kind"]?.stringValue == "Pod", let pod = reference["name"]?.stringValue,
      !pod.isEmpty
    else { throw refuse("node requested token not bound to a pod") }
    guard let uid = reference["uid"]?.stringValue, !uid.isEmpty else {
      throw refuse("node requested token with a pod binding without a uid")
    }
    let key = Key(resource: "pods", group: "", namespace: namespace, name: pod)
    guard let entry = store.current().get(key) else { throw .notFound(.pods, name: pod) }
    let value = try ObjectCodec.parse(entry.value, key: key)
    guard value.uid == uid else {
      throw refuse(
        "the UID in the bound object reference (\(uid)) does not match the UID in record. The "
          + "object might have been deleted and then recreated")
    }
    guard value.at("spec", "nodeName")?.stringValue == node else {
      throw refuse("node requested token bound to a pod scheduled on a different node")
    }
  }
}
