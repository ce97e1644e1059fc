import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  static let accountMountPath = "/var/run/secrets/kubernetes.io/serviceaccount"

  /// Gives a pod its service account, and a volume with a token for it.
  ///
  /// - Parameter volumeSuffix: of the volume with its token; nil: another one for each pod.
  func admitServiceAccount(
    _ object: inout JSONValue, _ info: ResourceInfo, volumeSuffix: String? = nil
  ) async throws(APIStatus) {
    guard object.annotations["kubernetes.io/config.mirror"] == nil else { return }
    var name = object.at("spec", "serviceAccountName")?.stringValue ?? ""
    if name.isEmpty { name = object.at("spec", "serviceAccount")?.stringValue ?? "" }
    if name.isEmpty { name = "default" }
    object.set(.string(name), at: "spec", "serviceAccountName")
    let key = Key(
      resource: "serviceaccounts", group: "", namespace: object.namespace, name: name)
    guard let entry = try await entry(key) else {
      throw .forbidden(
        info.gvr, name: object.name,
        "error looking up service account \(object.namespace)/\(name): serviceaccount "
          + "\"\(name)\" not found")
    }
    let account = try ObjectCodec.parse(entry.value, key: key)
    if object.at("spec", "imagePullSecrets") == nil, let secrets = account["imagePullSecrets"] {
      object.set(secrets, at: "spec", "imagePullSecrets")
    }
    let mounts =
      object.at("spec", "automountServiceAccountToken")?.boolValue
      ?? account["automountServiceAccountToken"]?.boolValue ?? true
    guard mounts else { return }
    mountToken(in: &object, volumeSuffix: volumeSuffix ?? Identifier.suffix())
  }

  private func mountToken(in object: inout JSONValue, volumeSuffix: String) {
    var volumes = object.at("spec", "volumes")?.arrayValue ?? []
    var volumeName = volumes.compactMap { $0["name"]?.stringValue }
      .first { $0.hasPrefix("kube-api-access-") }
    let name = volumeName ?? "kube-api-access-\(volumeSuffix)"
    var isNeeded = false
    for list in ["initContainers", "containers"] {
      guard var containers = object.at("spec", list)?.arrayValue else { continue }
      for index in containers.indices {
        var mounts = containers[index]["volumeMounts"]?.arrayValue ?? []
        // A container that mounts something of its own there wants it so.
        guard
          !mounts.contains(where: { $0["mountPath"]?.stringValue == Self.accountMountPath })
        else { continue }
        mounts.append([
          "name": .string(name), "readOnly": true, "mountPath": .string(Self.accountMountPath),
        ])
        containers[index]["volumeMounts"] = .array(mounts)
        isNeeded = true
      }
      object.set(.array(containers), at: "spec", list)
    }
    guard isNeeded, volumeName == nil else { return }
    volumeName = name
    volumes.append([
      "name": .string(name),
      "projected": [
        "sources": [
          ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]],
          [
            "configMap": [
              "name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]],
            ]
          ],
          [
            "downwardAPI": [
              "items": [
                [
                  "path": "namespace",
                  "fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"],
                ]
              ]
            ]
          ],
        ],
        "defaultMode": 420,
      ],
    ])
    object.set(.array(volumes), at: "spec", "volumes")
  }
}
