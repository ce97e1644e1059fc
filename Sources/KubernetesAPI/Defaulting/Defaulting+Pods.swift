import JSONDocument

extension Defaulting {
  static let podRules: [String: Rule] = [
    "core.v1.Pod": { pod in
      pod.setDefault("spec", [:])
      // An edit copies what is shared, and there is seldom anything to do.
      guard needsEdit(pod["spec"]) else { return }
      pod.edit("spec") { spec in
        let hostNetwork = spec["hostNetwork"] == true
        for list in ["initContainers", "containers"] {
          spec.editEach(list) { container in
            container.edit("resources", requestsFromLimits)
            if hostNetwork {
              container.editEach("ports") { $0.setDefault("hostPort", $0["containerPort"] ?? 0) }
            }
          }
        }
        spec.edit("resources", requestsFromLimits)
        spec.setDefault("enableServiceLinks", true)
      }
    },
    "core.v1.PodSpec": { spec in
      spec.setDefaultForZero("restartPolicy", "Always")
      spec.setDefault("terminationGracePeriodSeconds", 30)
      spec.setDefaultForZero("dnsPolicy", "ClusterFirst")
      // The deprecated name is kept equal to the new one.
      let account = spec.string("serviceAccountName")
      if !account.isEmpty {
        spec["serviceAccount"] = .string(account)
      } else if !spec.string("serviceAccount").isEmpty {
        spec["serviceAccountName"] = spec["serviceAccount"]
      }
      spec.setDefault("securityContext", [:])
      spec.setDefaultForZero("schedulerName", "default-scheduler")
    },
    "core.v1.Container": container, "core.v1.EphemeralContainer": container,
    "core.v1.ContainerPort": { $0.setDefaultForZero("protocol", "TCP") },
    "core.v1.Probe": { probe in
      probe.setDefaultForZero("timeoutSeconds", 1)
      probe.setDefaultForZero("periodSeconds", 10)
      probe.setDefaultForZero("successThreshold", 1)
      probe.setDefaultForZero("failureThreshold", 3)
    },
    "core.v1.HTTPGetAction": { action in
      action.setDefaultForZero("path", "/")
      action.setDefaultForZero("scheme", "HTTP")
    },
    "core.v1.ObjectFieldSelector": { $0.setDefaultForZero("apiVersion", "v1") },
    "core.v1.ResourceFieldSelector": { $0.setDefault("divisor", "0") },
    "core.v1.Toleration": { _ in },
    "core.v1.ContainerResizePolicy": { $0.setDefaultForZero("restartPolicy", "NotRequired") },
  ]

  private static func needsEdit(_ spec: JSONValue?) -> Bool {
    guard let spec, spec["enableServiceLinks"] != nil, !lacksRequests(spec["resources"]) else {
      return true
    }
    let hostNetwork = spec["hostNetwork"] == true
    return ["initContainers", "containers"].contains { list in
      (spec[list]?.arrayValue ?? []).contains { container in
        lacksRequests(container["resources"])
          || hostNetwork
            && (container["ports"]?.arrayValue ?? []).contains { $0["hostPort"] == nil }
      }
    }
  }

  private static func lacksRequests(_ resources: JSONValue?) -> Bool {
    guard let limits = resources?["limits"]?.objectValue else { return false }
    let requests = resources?["requests"]?.objectValue ?? [:]
    return limits.keys.contains { !requests.contains($0) }
  }

  private static let container: Rule = { container in
    let image = container.string("image")
    container.setDefaultForZero("imagePullPolicy", .string(pullPolicy(of: image)))
    container.setDefaultForZero("terminationMessagePath", "/dev/termination-log")
    container.setDefaultForZero("terminationMessagePolicy", "File")
  }

  /// `Always` for the tag `latest`, which is also what an image without tag and digest means.
  static func pullPolicy(of image: String) -> String {
    if image.utf8.contains(UInt8(ascii: "@")) { return "IfNotPresent" }
    let name = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard let colon = name.lastIndex(of: ":") else { return "Always" }
    return name[name.index(after: colon)...] == "latest" ? "Always" : "IfNotPresent"
  }

  /// A limit without a request is the request too.
  private static func requestsFromLimits(_ resources: inout JSONObject) {
    guard case .object(let limits) = resources["limits"], !limits.isEmpty else { return }
    resources.setDefault("requests", [:])
    resources.edit("requests") { requests in
      for (name, amount) in limits { requests.setDefault(name, amount) }
    }
  }

  static let volumeRules: [String: Rule] = [
    "core.v1.Volume": { volume in
      if !volume.keys.contains(where: { $0 != "name" }) { volume["emptyDir"] = [:] }
    },
    "core.v1.SecretVolumeSource": { $0.setDefault("defaultMode", 420) },
    "core.v1.ConfigMapVolumeSource": { $0.setDefault("defaultMode", 420) },
    "core.v1.DownwardAPIVolumeSource": { $0.setDefault("defaultMode", 420) },
    "core.v1.ProjectedVolumeSource": { $0.setDefault("defaultMode", 420) },
    "core.v1.ServiceAccountTokenProjection": { $0.setDefault("expirationSeconds", 3600) },
    "core.v1.HostPathVolumeSource": { $0.setDefault("type", "") },
    "core.v1.ImageVolumeSource": { source in
      source.setDefaultForZero(
        "pullPolicy", .string(pullPolicy(of: source.string("reference"))))
    },
  ]
}
