extension NodeRuntime {
  /// A string of TOML and of JSON: both escape alike what a path may hold.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// containerd's config.toml.
  ///
  /// `restrict_oom_score_adj` is for a root without CAP_SYS_RESOURCE; the snapshotters that are
  /// off need kernel parts that few machines have, and only log that they miss them. The network
  /// namespaces of pods are mounted below the state folder, where `destroy()` finds them.
  public var containerdConfiguration: String {
    let cri = "plugins.\"io.containerd.grpc.v1.cri\""
    let runc = "\(cri).containerd.runtimes.runc"
    return """
      version = 2
      root = \(Self.quoted("\(directory)/containerd"))
      state = \(Self.quoted("\(runDirectory)/containerd"))
      disabled_plugins = [
        "io.containerd.snapshotter.v1.aufs",
        "io.containerd.snapshotter.v1.btrfs",
        "io.containerd.snapshotter.v1.devmapper",
        "io.containerd.snapshotter.v1.zfs",
        "io.containerd.internal.v1.opt",
        "io.containerd.tracing.processor.v1.otlp",
      ]

      [grpc]
        address = \(Self.quoted(socketPath))

      [\(cri)]
        sandbox_image = \(Self.quoted(Self.sandboxImage))
        restrict_oom_score_adj = true
        disable_apparmor = true
        netns_mounts_under_state_dir = true

      [\(cri).cni]
        bin_dir = "/usr/lib/cni"
        conf_dir = \(Self.quoted(cniDirectory))

      [\(runc)]
        runtime_type = "io.containerd.runc.v2"

      [\(runc).options]
        Root = \(Self.quoted("\(runDirectory)/runc"))
        SystemdCgroup = false

      """
  }

  /// The name under which the plugins keep what they gave out.
  public var networkName: String { "taffrail-\(cluster)-\(node)" }

  /// The chain of CNI plugins of this node's pods.
  ///
  /// Each pod is joined to the node by a pair of its own (`ptp`) and not by a bridge: traffic
  /// between two pods of a node is then routed, so that a service's answer passes the same
  /// connection tracking as its question without br_netfilter.
  public var networkConfiguration: String {
    """
    {
      "cniVersion": "0.4.0",
      "name": \(Self.quoted(networkName)),
      "plugins": [
        {
          "type": "ptp",
          "ipMasq": false,
          "mtu": \(mtu),
          "ipam": {
            "type": "host-local",
            "dataDir": \(Self.quoted("\(directory)/ipam")),
            "ranges": [[{"subnet": "\(podRange)"}]],
            "routes": [{"dst": "0.0.0.0/0"}]
          }
        }
      ]
    }

    """
  }
}
