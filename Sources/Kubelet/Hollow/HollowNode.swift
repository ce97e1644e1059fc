import JSONDocument
import KubernetesAPI

/// The Node object of a hollow node.
enum HollowNode {
  static func object(_ name: String, address: String) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Node",
      "metadata": [
        "name": .string(name),
        "labels": [
          "kubernetes.io/hostname": .string(name), "kubernetes.io/os": "linux",
          "kubernetes.io/arch": "amd64", "taffrail.dev/hollow": "true",
        ],
      ],
    ]
  }

  static func status(_ name: String, address: String, now: Timestamp) -> JSONValue {
    let time = JSONValue.string(now.rfc3339())
    let resources: JSONValue = [
      "cpu": "32", "memory": "256Gi", "pods": "110", "ephemeral-storage": "1Ti",
    ]
    func condition(_ type: String, _ status: String, _ reason: String, _ message: String)
      -> JSONValue
    {
      [
        "type": .string(type), "status": .string(status), "reason": .string(reason),
        "message": .string(message), "lastHeartbeatTime": time, "lastTransitionTime": time,
      ]
    }
    return [
      "capacity": resources, "allocatable": resources,
      "addresses": [
        ["type": "InternalIP", "address": .string(address)],
        ["type": "Hostname", "address": .string(name)],
      ],
      "conditions": [
        condition(
          "MemoryPressure", "False", "KubeletHasSufficientMemory",
          "kubelet has sufficient memory available"),
        condition(
          "DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        condition(
          "PIDPressure", "False", "KubeletHasSufficientPID",
          "kubelet has sufficient PID available"),
        condition("Ready", "True", "KubeletReady", "hollow: pods are played, not run"),
      ],
      "nodeInfo": [
        "kubeletVersion": "v1.36.2-taffrail", "kubeProxyVersion": "", "operatingSystem": "linux",
        "architecture": "amd64", "osImage": "hollow", "kernelVersion": "0",
        "containerRuntimeVersion": "hollow://0", "machineID": .string(name),
        "systemUUID": .string(name), "bootID": .string(name),
      ],
    ]
  }
}
