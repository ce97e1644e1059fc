import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Gives each namespace one object of a fixed name, and mends it where it was changed or deleted.
struct NamespacedObjectKeeper: Sendable {
  let context: ControllerContext
  let resource: GroupVersionResource
  let name: String
  /// Nil: the object is as it should be.
  let mended: @Sendable (_ found: JSONValue?, _ namespace: String) -> JSONValue?
  private let queue = WorkQueue<String>()
  private let namespaces: Informer
  private let objects: Informer

  init(
    _ context: ControllerContext, resource: GroupVersionResource, name: String,
    mended: @escaping @Sendable (_ found: JSONValue?, _ namespace: String) -> JSONValue?
  ) {
    self.context = context
    self.resource = resource
    self.name = name
    self.mended = mended
    namespaces = context.informers.informer(.namespaces)
    objects = context.informers.informer(resource)
    let queue = queue
    namespaces.addHandler { delta in
      if delta.new != nil { queue.add(delta.key.name, cause: delta.revision) }
    }
    objects.addHandler { delta in
      if delta.key.name == name { queue.add(delta.key.namespace, cause: delta.revision) }
    }
  }

  func run() async {
    await context.run(queue, workers: 2) { namespace in
      guard let object = namespaces.get(name: namespace), !object.meta.isBeingDeleted,
        object.at("status", "phase") != "Terminating"
      else { return nil }
      let found = objects.get(namespace: namespace, name: name)
      guard let wanted = mended(found, namespace) else { return nil }
      do {
        if found == nil {
          _ = try await context.client.create(resource, namespace: namespace, object: wanted)
        } else {
          _ = try await context.client.update(
            resource, namespace: namespace, name: name, object: wanted)
        }
      } catch let status as APIStatus
        where status.reason == "AlreadyExists" || status.code == 404 || status.code == 403
      {
        // Made meanwhile, or the namespace is on its way out.
      }
      return nil
    }
  }
}

/// Gives each namespace its `default` ServiceAccount.
enum ServiceAccountController {
  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let keeper = NamespacedObjectKeeper(
      context, resource: .serviceAccounts, name: "default"
    ) { found, namespace in
      found != nil
        ? nil
        : [
          "apiVersion": "v1", "kind": "ServiceAccount",
          "metadata": ["name": "default", "namespace": .string(namespace)],
        ]
    }
    return { await keeper.run() }
  }
}

/// Publishes the authority of the API servers' certificates to each namespace, for pods.
enum RootCertificateController {
  static let name = "kube-root-ca.crt"

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let certificate = context.options.rootCertificate
    if certificate.isEmpty { return {} }
    let keeper = NamespacedObjectKeeper(
      context, resource: .configMaps, name: name
    ) { found, namespace in
      let data: JSONValue = ["ca.crt": .string(certificate)]
      if found?["data"] == data { return nil }
      var object =
        found ?? [
          "apiVersion": "v1", "kind": "ConfigMap",
          "metadata": [
            "name": .string(name), "namespace": .string(namespace),
            "annotations": [
              "kubernetes.io/description":
                "The certificate authority that signs the certificates of the API servers."
            ],
          ],
        ]
      object["data"] = data
      return object
    }
    return { await keeper.run() }
  }
}
