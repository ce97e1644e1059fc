import ContainerRuntime
import Foundation
import Glibc
import JSONDocument
import KubernetesAPI
import KubernetesClient
import PodNetwork

/// Makes a pod's volumes on disk and the mounts of its containers.
struct PodVolumes: Sendable {
  var client: any KubernetesClient
  var configuration: KubeletConfiguration
  var allocatable: [String: Quantity]

  private func directory(_ pod: PodView, _ volume: String) -> String {
    "\(configuration.podDirectory(pod.uid))/volumes/\(volume)"
  }

  /// Makes what is missing and brings files that come from the API up to date.
  ///
  /// - Parameter podAddress: empty before the sandbox runs.
  func prepare(_ pod: PodSpecification, podAddress: String) async throws {
    let view = pod.view
    for volume in view.volumes {
      let name = volume["name"]?.stringValue ?? ""
      guard !name.isEmpty, !name.contains("/") else { continue }
      let path = directory(view, name)
      if let source = volume["emptyDir"] {
        try await makeEmpty(path, source)
      } else if let source = volume["hostPath"] {
        try checkHostPath(source)
      } else if let files = try await files(volume, pod: view, podAddress: podAddress) {
        try VolumeWriter.write(files.sorted { $0.path < $1.path }, to: path)
      } else {
        let kind = volume.objectValue?.keys.first { $0 != "name" } ?? "?"
        throw PodError(
          "FailedMount", "volume \"\(name)\": this node has no volumes of type \(kind)")
      }
      if let group = view.json.at("spec", "securityContext", "fsGroup")?.intValue,
        volume["hostPath"] == nil
      {
        chown(path, ~0, gid_t(truncatingIfNeeded: group))
        chmod(path, 0o2777)
      }
    }
  }

  private func makeEmpty(_ path: String, _ source: JSONValue) async throws {
    guard !FileManager.default.fileExists(atPath: path) else { return }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    if source["medium"]?.stringValue == "Memory" {
      var options = "mode=1777"
      if let limit = source["sizeLimit"]?.stringValue.flatMap({ Quantity(parsing: $0) }) {
        options += ",size=\(limit.value)"
      }
      try await CommandRunner.check(
        Command(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]))
    }
    chmod(path, 0o777)
  }

  private func checkHostPath(_ source: JSONValue) throws {
    let path = source["path"]?.stringValue ?? ""
    let type = source["type"]?.stringValue ?? ""
    let files = FileManager.default
    var isDirectory: ObjCBool = false
    let exists = files.fileExists(atPath: path, isDirectory: &isDirectory)
    switch type {
    case "DirectoryOrCreate":
      if !exists { try files.createDirectory(atPath: path, withIntermediateDirectories: true) }
    case "FileOrCreate":
      if !exists { _ = files.createFile(atPath: path, contents: nil) }
    case "Directory" where !exists || !isDirectory.boolValue,
      "File" where !exists || isDirectory.boolValue:
      throw PodError("FailedMount", "hostPath type check failed: \(path) is not a \(type)")
    default: break
    }
  }

  private func files(_ volume: JSONValue, pod: PodView, podAddress: String) async throws
    -> [VolumeFile]?
  {
    if let source = volume["configMap"] {
      return try await objectFiles(source, name: source["name"], .configMaps, pod)
    }
    if let source = volume["secret"] {
      return try await objectFiles(source, name: source["secretName"], .secrets, pod)
    }
    if let source = volume["downwardAPI"] {
      return try downwardFiles(source, pod, podAddress)
    }
    guard let projected = volume["projected"] else { return nil }
    let mode = projected["defaultMode"]?.intValue ?? 0o644
    var files: [VolumeFile] = []
    for source in projected["sources"]?.arrayValue ?? [] {
      if var source = source["configMap"] {
        source["defaultMode"] = .int(mode)
        files += try await objectFiles(source, name: source["name"], .configMaps, pod)
      } else if var source = source["secret"] {
        source["defaultMode"] = .int(mode)
        files += try await objectFiles(source, name: source["name"], .secrets, pod)
      } else if var source = source["downwardAPI"] {
        source["defaultMode"] = .int(mode)
        files += try downwardFiles(source, pod, podAddress)
      } else if let source = source["serviceAccountToken"] {
        files.append(try await token(source, pod))
      }
    }
    return files
  }

  private func objectFiles(
    _ source: JSONValue, name: JSONValue?, _ resource: GroupVersionResource, _ pod: PodView
  ) async throws -> [VolumeFile] {
    let name = name?.stringValue ?? ""
    let isOptional = source["optional"]?.boolValue == true
    let object: JSONValue
    do {
      object = try await client.get(resource, namespace: pod.namespace, name: name)
    } catch let status as APIStatus where status.code == 404 {
      if isOptional { return [] }
      let kind = resource == .secrets ? "secret" : "configmap"
      throw PodError("FailedMount", "\(kind) \"\(name)\" not found")
    }
    var contents: [String: [UInt8]] = [:]
    for (key, value) in object["data"]?.objectValue ?? [:] {
      let text = value.stringValue ?? ""
      contents[key] = resource == .secrets ? Base64.decode(text) ?? [] : Array(text.utf8)
    }
    for (key, value) in object["binaryData"]?.objectValue ?? [:] {
      contents[key] = Base64.decode(value.stringValue ?? "") ?? []
    }
    let mode = source["defaultMode"]?.intValue ?? 0o644
    guard let items = source["items"]?.arrayValue else {
      return contents.map { VolumeFile(path: $0.key, contents: $0.value, mode: mode) }
    }
    return try items.compactMap { item in
      let key = item["key"]?.stringValue ?? ""
      guard let bytes = contents[key] else {
        if isOptional { return nil }
        throw PodError("FailedMount", "references non-existent config key: \(key)")
      }
      return VolumeFile(
        path: item["path"]?.stringValue ?? key, contents: bytes,
        mode: item["mode"]?.intValue ?? mode)
    }
  }

  private func downwardFiles(_ source: JSONValue, _ pod: PodView, _ podAddress: String) throws
    -> [VolumeFile]
  {
    let mode = source["defaultMode"]?.intValue ?? 0o644
    return try (source["items"]?.arrayValue ?? []).map { item in
      var text = ""
      if let path = item.at("fieldRef", "fieldPath")?.stringValue {
        text = try DownwardFields.value(
          path, pod: pod, hostAddress: configuration.address, podAddress: podAddress)
      } else if let reference = item["resourceFieldRef"] {
        let name = reference["containerName"]?.stringValue
        let container = pod.containers.first { $0["name"]?.stringValue == name } ?? .null
        text = try DownwardFields.resource(
          reference, container: container, allocatable: allocatable)
      }
      return VolumeFile(
        path: item["path"]?.stringValue ?? "", contents: Array(text.utf8),
        mode: item["mode"]?.intValue ?? mode)
    }
  }

  private func token(_ source: JSONValue, _ pod: PodView) async throws -> VolumeFile {
    let account = pod.json.at("spec", "serviceAccountName")?.stringValue ?? "default"
    var request: JSONValue = [
      "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
      "spec": [
        "expirationSeconds": .int(source["expirationSeconds"]?.intValue ?? 3600),
        "boundObjectRef": [
          "apiVersion": "v1", "kind": "Pod", "name": .string(pod.name), "uid": .string(pod.uid),
        ],
      ],
    ]
    if let audience = source["audience"]?.stringValue, !audience.isEmpty {
      request.set([.string(audience)], at: "spec", "audiences")
    }
    let answer = try await client.create(
      .serviceAccounts, namespace: pod.namespace, object: request,
      subresource: (name: account, subresource: "token"))
    guard let token = answer.at("status", "token")?.stringValue else {
      throw PodError("FailedMount", "the API gave no token for service account \"\(account)\"")
    }
    return VolumeFile(
      path: source["path"]?.stringValue ?? "token", contents: Array(token.utf8), mode: 0o644)
  }

  /// The mounts of one container, after `prepare`.
  func mounts(_ container: PodSpecification.Container, pod: PodSpecification, hostsFile: String?)
    throws(PodError) -> [Mount]
  {
    var mounts: [Mount] = []
    for item in container.json["volumeMounts"]?.arrayValue ?? [] {
      let name = item["name"]?.stringValue ?? ""
      guard let volume = pod.view.volumes.first(where: { $0["name"]?.stringValue == name }) else {
        throw PodError("CreateContainerConfigError", "there is no volume \"\(name)\"")
      }
      var path = volume.at("hostPath", "path")?.stringValue ?? directory(pod.view, name)
      if let sub = item["subPath"]?.stringValue, !sub.isEmpty {
        guard !sub.hasPrefix("/"), !sub.split(separator: "/").contains("..") else {
          throw PodError("CreateContainerConfigError", "subPath \"\(sub)\" leaves its volume")
        }
        path += "/\(sub)"
        if !FileManager.default.fileExists(atPath: path) {
          try? FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        }
      }
      var mount = Mount()
      mount.hostPath = path
      mount.containerPath = item["mountPath"]?.stringValue ?? ""
      let isWritable = volume["emptyDir"] != nil || volume["hostPath"] != nil
      mount.readonly = item["readOnly"]?.boolValue ?? false || !isWritable
      switch item["mountPropagation"]?.stringValue {
      case "HostToContainer": mount.propagation = .propagationHostToContainer
      case "Bidirectional": mount.propagation = .propagationBidirectional
      default: break
      }
      mounts.append(mount)
    }
    if let hostsFile, !mounts.contains(where: { $0.containerPath == "/etc/hosts" }) {
      var mount = Mount()
      mount.hostPath = hostsFile
      mount.containerPath = "/etc/hosts"
      mounts.append(mount)
    }
    return mounts
  }

  /// Removes everything that the pod has on disk, apart from its logs.
  func remove(_ uid: String) async {
    guard !uid.isEmpty, !uid.contains("/") else { return }
    let path = configuration.podDirectory(uid)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/volumes")) ?? [] {
      // Fails for what is no mount, which is most.
      umount2("\(path)/volumes/\(name)", Int32(MNT_DETACH))
    }
    try? FileManager.default.removeItem(atPath: path)
  }
}
