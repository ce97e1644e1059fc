import Foundation
import Glibc
import JSONDocument
import KubernetesAPI

/// What this machine offers, read once.
struct MachineFacts: Sendable, Hashable {
  var cpuCount: Int
  var memoryBytes: Int64
  var storageBytes: Int64
  var kernelVersion: String
  var operatingSystem: String
  var machineID: String
  var bootID: String

  static func read(storagePath: String) -> MachineFacts {
    func text(_ path: String) -> String {
      (try? String(contentsOfFile: path, encoding: .utf8))?
        .trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }
    var memory: Int64 = 0
    for line in text("/proc/meminfo").split(separator: "\n") where line.hasPrefix("MemTotal:") {
      memory = Int64(line.split(separator: " ").dropFirst().first ?? "0") ?? 0
    }
    var storage = statvfs()
    let isKnown = statvfs(storagePath, &storage) == 0
    let release = text("/etc/os-release").split(separator: "\n")
      .first { $0.hasPrefix("PRETTY_NAME=") }
    return MachineFacts(
      cpuCount: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
      memoryBytes: memory.multipliedReportingOverflow(by: 1024).partialValue,
      storageBytes: isKnown
        ? Int64(clamping: UInt64(storage.f_blocks) &* UInt64(storage.f_frsize)) : 0,
      kernelVersion: text("/proc/sys/kernel/osrelease"),
      operatingSystem: release.map {
        $0.dropFirst(12).trimmingCharacters(in: CharacterSet(charactersIn: "\""))
      } ?? "Linux",
      machineID: text("/etc/machine-id"), bootID: text("/proc/sys/kernel/random/boot_id"))
  }

  /// As quantities, by the names of resources.
  func resources(maximumPods: Int) -> [String: String] {
    [
      "cpu": String(cpuCount), "memory": "\(memoryBytes / 1024)Ki", "pods": String(maximumPods),
      "ephemeral-storage": "\(storageBytes / 1024)Ki",
    ]
  }
}

/// The Node object of this agent. Pure.
struct NodeObject: Sendable {
  var configuration: KubeletConfiguration
  var facts: MachineFacts
  /// E.g. `containerd://1.6.20`.
  var runtimeVersion: String
  /// Nil: ready; otherwise why not.
  var problem: String?
  var now: Timestamp

  static var architecture: String {
    #if arch(arm64)
      "arm64"
    #else
      "amd64"
    #endif
  }

  var labels: JSONValue {
    var labels: JSONObject = [:]
    for (key, value) in configuration.labels.sorted(by: { $0.key < $1.key }) {
      labels[key] = .string(value)
    }
    labels["kubernetes.io/hostname"] = .string(configuration.nodeName)
    labels["kubernetes.io/os"] = "linux"
    labels["kubernetes.io/arch"] = .string(Self.architecture)
    labels["beta.kubernetes.io/os"] = "linux"
    labels["beta.kubernetes.io/arch"] = .string(Self.architecture)
    return .object(labels)
  }

  var object: JSONValue {
    [
      "apiVersion": "v1", "kind": "Node",
      "metadata": ["name": .string(configuration.nodeName), "labels": labels],
      "spec": [
        "podCIDR": .string(configuration.podRange), "podCIDRs": [.string(configuration.podRange)],
      ],
    ]
  }

  /// - Parameter old: the status that the API has, for times of conditions that stay.
  func status(old: JSONValue?) -> JSONValue {
    var resources: JSONObject = [:]
    for (key, value) in facts.resources(maximumPods: configuration.maximumPods)
      .sorted(by: { $0.key < $1.key })
    {
      resources[key] = .string(value)
    }
    let isReady = problem == nil
    return [
      "capacity": .object(resources), "allocatable": .object(resources),
      "addresses": [
        ["type": "InternalIP", "address": .string(configuration.address)],
        ["type": "Hostname", "address": .string(configuration.nodeName)],
      ],
      "daemonEndpoints": ["kubeletEndpoint": ["Port": JSONValue(configuration.port)]],
      "nodeInfo": [
        "machineID": .string(facts.machineID), "systemUUID": .string(facts.machineID),
        "bootID": .string(facts.bootID), "kernelVersion": .string(facts.kernelVersion),
        "osImage": .string(facts.operatingSystem),
        "containerRuntimeVersion": .string(runtimeVersion),
        "kubeletVersion": "v1.36.2-taffrail", "kubeProxyVersion": "",
        "operatingSystem": "linux", "architecture": .string(Self.architecture),
      ],
      "conditions": [
        condition(
          "MemoryPressure", "False", "KubeletHasSufficientMemory",
          "kubelet has sufficient memory available", old),
        condition(
          "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure", old),
        condition(
          "PIDPressure", "False", "KubeletHasSufficientPID",
          "kubelet has sufficient PID available", old),
        condition(
          "Ready", isReady ? "True" : "False", isReady ? "KubeletReady" : "KubeletNotReady",
          problem ?? "kubelet is posting ready status", old),
      ],
    ]
  }

  private func condition(
    _ type: String, _ status: String, _ reason: String, _ message: String, _ old: JSONValue?
  ) -> JSONValue {
    let before = (old?["conditions"]?.arrayValue ?? []).first { $0["type"]?.stringValue == type }
    let since =
      before?["status"]?.stringValue == status ? before?["lastTransitionTime"] : nil
    let time = JSONValue.string(now.rfc3339())
    return [
      "type": .string(type), "status": .string(status), "reason": .string(reason),
      "message": .string(message), "lastHeartbeatTime": time,
      "lastTransitionTime": since ?? time,
    ]
  }
}
