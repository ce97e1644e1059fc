import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  static let accountMountPath = "/var/run/secrets/kubernetes.io/serviceaccount"

  private static let accountFields = [
    [Array("imagePullSecrets".utf8)], [Array("automountServiceAccountToken".utf8)],
  ]

  /// The service account that a new pod runs as, which must exist.
  func account(of object: JSONValue, _ info: ResourceInfo) async throws(APIStatus)
    -> PodSurroundings.Account?
  {
    guard object.at("metadata", "annotations", "kubernetes.io/config.mirror") == nil else {
      return nil
    }
    var name = object.at("spec", "serviceAccountName")?.stringValue ?? ""
    if name.isEmpty { name = object.at("spec", "serviceAccount")?.stringValue ?? "" }
    if name.isEmpty { name = "default" }
    let key = Key(
      resource: "serviceaccounts", group: "", namespace: object.namespace, name: name)
    guard let entry = try await entry(key) else {
      throw .forbidden(
        info.gvr, name: object.name,
        "error looking up service account \(object.namespace)/\(name): serviceaccount "
          + "\"\(name)\" not found")
    }
    // Most accounts say nothing, and every pod asks.
    guard Self.accountFields.contains(where: { JSONScan.range(of: $0, in: entry.value) != nil })
    else { return PodSurroundings.Account(name: name) }
    let account = try ObjectCodec.parse(entry.value, key: key)
    return PodSurroundings.Account(
      name: name, imagePullSecrets: account["imagePullSecrets"],
      mountsToken: account["automountServiceAccountToken"]?.boolValue)
  }

  /// Gives a pod its service account, and a volume with a token for it.
  ///
  /// - Parameter volumeSuffix: of the volume with its token; nil: another one for each pod.
  func admit(
    _ account: PodSurroundings.Account, to object: inout JSONValue, volumeSuffix: String?
  ) {
    object.set(.string(account.name), at: "spec", "serviceAccountName")
    if object.at("spec", "imagePullSecrets") == nil, let secrets = account.imagePullSecrets {
      object.set(secrets, at: "spec", "imagePullSecrets")
    }
    let mounts =
      object.at("spec", "automountServiceAccountToken")?.boolValue ?? account.mountsToken ?? true
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
