import ContainerRuntime
import JSONDocument
import KubernetesAPI

/// Turns a Pod's fields into the runtime's messages. Pure.
enum ContainerSettings {
  static func sandbox(
    _ pod: PodSpecification, attempt: Int, configuration: KubeletConfiguration
  ) -> PodSandboxConfig {
    let view = pod.view
    var config = PodSandboxConfig()
    config.metadata.name = view.name
    config.metadata.namespace = view.namespace
    config.metadata.uid = view.uid
    config.metadata.attempt = UInt32(clamping: attempt)
    config.hostname = hostname(view, nodeName: configuration.nodeName)
    config.logDirectory = configuration.logDirectory(
      namespace: view.namespace, name: view.name, uid: view.uid)
    config.labels = labels(view)
    config.linux.cgroupParent = "\(configuration.cgroupRoot)/pod\(view.uid)"
    config.linux.securityContext.namespaceOptions = namespaces(view)
    config.linux.securityContext.privileged = pod.allContainers.contains {
      $0.json.at("securityContext", "privileged")?.boolValue == true
    }
    for setting in view.json.at("spec", "securityContext", "sysctls")?.arrayValue ?? [] {
      if let name = setting["name"]?.stringValue {
        config.linux.sysctls[name] = setting["value"]?.stringValue ?? ""
      }
    }
    if let dns = resolver(view, configuration) { config.dnsConfig = dns }
    return config
  }

  static func hostname(_ pod: PodView, nodeName: String) -> String {
    if pod.hostNetwork { return nodeName }
    let name = pod.json.at("spec", "hostname")?.stringValue ?? pod.name
    // The kernel's bound; upstream cuts there too.
    return String(name.prefix(63))
  }

  static func labels(_ pod: PodView) -> [String: String] {
    [
      RuntimeLabel.podName: pod.name, RuntimeLabel.podNamespace: pod.namespace,
      RuntimeLabel.podUID: pod.uid,
    ]
  }

  private static func namespaces(_ pod: PodView) -> NamespaceOption {
    var option = NamespaceOption()
    let spec = pod.object.spec
    option.network = pod.hostNetwork ? .node : .pod
    option.ipc = spec["hostIPC"]?.boolValue == true ? .node : .pod
    option.pid =
      spec["hostPID"]?.boolValue == true
      ? .node : spec["shareProcessNamespace"]?.boolValue == true ? .pod : .container
    return option
  }

  private static func resolver(_ pod: PodView, _ configuration: KubeletConfiguration)
    -> Runtime_V1_DNSConfig?
  {
    let spec = pod.object.spec
    var policy = spec["dnsPolicy"]?.stringValue ?? "ClusterFirst"
    if policy == "ClusterFirst", pod.hostNetwork { policy = "Default" }
    var dns = Runtime_V1_DNSConfig()
    var isSet = false
    if policy.hasPrefix("ClusterFirst"), !configuration.clusterDNS.isEmpty {
      let domain = configuration.clusterDomain
      dns.servers = [configuration.clusterDNS]
      dns.searches = ["\(pod.namespace).svc.\(domain)", "svc.\(domain)", domain]
      dns.options = ["ndots:5"]
      isSet = true
    }
    if let extra = spec["dnsConfig"] {
      dns.servers += extra["nameservers"]?.arrayValue?.compactMap(\.stringValue) ?? []
      dns.searches += extra["searches"]?.arrayValue?.compactMap(\.stringValue) ?? []
      dns.options += (extra["options"]?.arrayValue ?? []).compactMap { option in
        guard let name = option["name"]?.stringValue else { return nil }
        return option["value"]?.stringValue.map { "\(name):\($0)" } ?? name
      }
      isSet = true
    }
    return isSet ? dns : nil
  }

  static func container(
    _ container: PodSpecification.Container, attempt: Int, pod: PodSpecification, imageID: String,
    variables: [(name: String, value: String)], mounts: [Mount]
  ) -> ContainerConfig {
    let json = container.json
    var config = ContainerConfig()
    config.metadata.name = container.name
    config.metadata.attempt = UInt32(clamping: attempt)
    config.image.image = imageID
    config.image.userSpecifiedImage = container.image
    var values: [String: String] = [:]
    for variable in variables { values[variable.name] = variable.value }
    config.command = strings(json["command"]).map { VariableExpansion.expand($0, values) }
    config.args = strings(json["args"]).map { VariableExpansion.expand($0, values) }
    config.workingDir = json["workingDir"]?.stringValue ?? ""
    config.envs = variables.map { variable in
      var pair = KeyValue()
      pair.key = variable.name
      pair.value = .init(variable.value.utf8)
      return pair
    }
    config.mounts = mounts
    config.labels = labels(pod.view)
    config.labels[RuntimeLabel.containerName] = container.name
    config.logPath = "\(container.name)/\(attempt).log"
    config.stdin = json["stdin"]?.boolValue ?? false
    config.stdinOnce = json["stdinOnce"]?.boolValue ?? false
    config.tty = json["tty"]?.boolValue ?? false
    config.linux.resources = resources(json["resources"])
    config.linux.securityContext = security(json, pod)
    return config
  }

  static func strings(_ value: JSONValue?) -> [String] {
    value?.arrayValue?.compactMap(\.stringValue) ?? []
  }

  /// CPU shares and quota as upstream derives them: 1024 shares a core, a period of 100 ms, and
  /// the kernel's minima.
  static func resources(_ json: JSONValue?) -> LinuxContainerResources {
    func quantity(_ kind: String, _ name: String) -> Quantity? {
      json?.at(kind, name)?.stringValue.flatMap { Quantity(parsing: $0) }
    }
    var resources = LinuxContainerResources()
    let cpuLimit = quantity("limits", "cpu")
    let cpuRequest = quantity("requests", "cpu") ?? cpuLimit
    let milli = min(max(cpuRequest?.milliValue ?? 0, 0), 1 << 30)
    resources.cpuShares = min(max(milli * 1024 / 1000, 2), 262_144)
    resources.cpuPeriod = 100_000
    if let cpuLimit, !cpuLimit.isZero {
      let milli = min(max(cpuLimit.milliValue, 0), 1 << 30)
      resources.cpuQuota = max(milli * 100, 1000)
    }
    if let memory = quantity("limits", "memory"), memory.value > 0 {
      resources.memoryLimitInBytes = memory.value
    }
    return resources
  }

  private static func security(_ container: JSONValue, _ pod: PodSpecification)
    -> LinuxContainerSecurityContext
  {
    let own = container["securityContext"]
    let shared = pod.view.json.at("spec", "securityContext")
    var context = LinuxContainerSecurityContext()
    context.namespaceOptions = namespaces(pod.view)
    context.privileged = own?["privileged"]?.boolValue ?? false
    context.readonlyRootfs = own?["readOnlyRootFilesystem"]?.boolValue ?? false
    context.noNewPrivs = own?["allowPrivilegeEscalation"]?.boolValue == false
    if let user = (own?["runAsUser"] ?? shared?["runAsUser"])?.intValue {
      context.runAsUser.value = user
    }
    if let group = (own?["runAsGroup"] ?? shared?["runAsGroup"])?.intValue {
      // The interface takes a group only beside a user.
      if !context.hasRunAsUser { context.runAsUser.value = 0 }
      context.runAsGroup.value = group
    }
    context.supplementalGroups =
      (shared?["supplementalGroups"]?.arrayValue ?? []).compactMap(\.intValue)
    if let group = shared?["fsGroup"]?.intValue { context.supplementalGroups.append(group) }
    context.capabilities.addCapabilities = strings(own?.at("capabilities", "add"))
    context.capabilities.dropCapabilities = strings(own?.at("capabilities", "drop"))
    if !context.privileged {
      context.maskedPaths = [
        "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
      ]
      context.readonlyPaths = [
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
      ]
    }
    context.seccomp.profileType = .unconfined
    let profile = (own?.at("seccompProfile", "type") ?? shared?.at("seccompProfile", "type"))?
      .stringValue
    if profile == "RuntimeDefault" { context.seccomp.profileType = .runtimeDefault }
    return context
  }
}
