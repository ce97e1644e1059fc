import ContainerRuntime
import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient

extension PodRunner {
  /// The name under which `failures` keeps what concerns the whole pod.
  static var sandboxFailure: String { "" }

  func perform(_ steps: [PodWorker.Step]) async {
    let kills = steps.filter { if case .kill = $0 { true } else { false } }
    await withTaskGroup(of: Void.self) { group in
      for step in kills {
        guard case .kill(let id, let container, let grace, let message) = step else { continue }
        group.addTask { await self.kill(id, container, grace, message) }
      }
    }
    for step in steps {
      if Task.isCancelled { return }
      switch step {
      case .kill: continue
      case .createSandbox(let attempt): await createSandbox(attempt)
      case .start(let name, let attempt): await start(name, attempt)
      case .stopSandbox(let id):
        await attempt("stop of the sandbox") { try await self.node.runtime.stopPodSandbox(id: id) }
      case .removeSandbox(let id):
        guard
          await attempt(
            "removal of the sandbox", { try await self.node.runtime.removePodSandbox(id: id) })
        else {
          try? await Task.sleep(for: .seconds(1))
          return
        }
      case .removeContainer(let id):
        await attempt("removal of a container") {
          try await self.node.runtime.removeContainer(id: id)
        }
      case .finished: await finish()
      }
    }
  }

  @discardableResult
  private func attempt(_ what: String, _ body: () async throws -> Void) async -> Bool {
    do {
      try await body()
      return true
    } catch {
      node.logger.warning("\(pod.view.namespace)/\(pod.view.name): \(what): \(error)")
      return false
    }
  }

  /// Tells of a failure, and when to try again: 1 s, doubling to 30 s.
  private func fail(_ name: String, _ error: any Error, fallback: String) {
    let known = error as? PodError
    let reason = known?.reason ?? fallback
    let message = known?.message ?? "\(error)"
    let count = (failures[name]?.count ?? 0) + 1
    var shown = reason
    if reason == "ErrImagePull", count > 1 { shown = "ImagePullBackOff" }
    let seconds = Int64(min(1 << min(count - 1, 5), 30))
    failures[name] = Failure(
      waiting: .init(reason: shown, message: message), count: count,
      retryAt: Timestamp.now.adding(seconds: seconds))
    let isWholePod = name == Self.sandboxFailure
    let eventReason =
      isWholePod ? reason : shown == "ImagePullBackOff" ? "BackOff" : "Failed"
    event(eventReason, message, .warning, container: isWholePod ? nil : name)
  }

  private func createSandbox(_ attempt: Int) async {
    do {
      try await node.volumes.prepare(pod, podAddress: "")
    } catch {
      fail(Self.sandboxFailure, error, fallback: "FailedMount")
      return
    }
    let config = ContainerSettings.sandbox(
      pod, attempt: attempt, configuration: node.configuration)
    do {
      for container in pod.allContainers {
        try FileManager.default.createDirectory(
          atPath: "\(config.logDirectory)/\(container.name)", withIntermediateDirectories: true)
      }
      _ = try await node.runtime.runPodSandbox(config)
      failures[Self.sandboxFailure] = nil
    } catch {
      fail(
        Self.sandboxFailure, PodError("FailedCreatePodSandBox", "\(error)"),
        fallback: "FailedCreatePodSandBox")
    }
  }

  private func start(_ name: String, _ attempt: Int) async {
    guard let container = pod.container(named: name), let sandbox = observed.sandbox else { return }
    if attempt > 0, let last = observed.instances(of: name).first, last.state == .exited {
      worker.backoff.restarted(
        name, started: last.startedAt, finished: last.finishedAt ?? last.createdAt)
    }
    do {
      let image = try await image(container)
      let config = try await settings(container, attempt, imageID: image, sandbox: sandbox)
      let sandboxConfig = ContainerSettings.sandbox(
        pod, attempt: sandbox.attempt, configuration: node.configuration)
      let id: String
      do {
        id = try await node.runtime.createContainer(config, in: sandbox.id, sandboxConfig)
      } catch {
        throw PodError("CreateContainerError", "\(error)")
      }
      event("Created", "Created container: \(name)", container: name)
      do {
        try await node.runtime.startContainer(id: id)
      } catch {
        try? await node.runtime.removeContainer(id: id)
        throw PodError("RunContainerError", "\(error)")
      }
      event("Started", "Started container \(name)", container: name)
      failures[name] = nil
      await runPostStart(container, id)
    } catch {
      fail(name, error, fallback: "CreateContainerConfigError")
    }
  }

  /// The id of the container's image, which must be on this node: nothing is ever fetched.
  private func image(_ container: PodSpecification.Container) async throws -> String {
    if let image = try await node.runtime.imageStatus(container.image) {
      event(
        "Pulled", "Container image \"\(container.image)\" already present on machine",
        container: container.name)
      return image.id
    }
    if container.pullPolicy == "Never" {
      throw PodError(
        "ErrImageNeverPull",
        "Container image \"\(container.image)\" is not present with pull policy of Never")
    }
    throw PodError(
      "ErrImagePull",
      "image \"\(container.image)\" is not on node \(node.configuration.nodeName), and this "
        + "cluster fetches from no registry: import it with `ctr --address "
        + "\(node.configuration.runtimeEndpoint.dropFirst(7)) -n k8s.io images import FILE`")
  }

  private func settings(
    _ container: PodSpecification.Container, _ attempt: Int, imageID: String,
    sandbox: ObservedPod.Sandbox
  ) async throws -> ContainerConfig {
    let address = pod.view.hostNetwork ? node.configuration.address : sandbox.address
    var environment = ContainerEnvironment(
      pod: pod.view, hostAddress: node.configuration.address, podAddress: address,
      allocatable: node.allocatable, configMaps: [:], secrets: [:],
      services: node.serviceObjects())
    let references = ContainerEnvironment.references(pod)
    environment.configMaps = try await lookUp(references.configMaps, .configMaps)
    environment.secrets = try await lookUp(references.secrets, .secrets)
    let variables =
      try [
        ("HOSTNAME", ContainerSettings.hostname(pod.view, nodeName: node.configuration.nodeName))
      ]
      + environment.variables(of: container.json)
    var mounts = try node.volumes.mounts(
      container, pod: pod, hostsFile: try hostsFile(address: address))
    mounts.append(try terminationMount(container, attempt))
    return ContainerSettings.container(
      container, attempt: attempt, pod: pod, imageID: imageID,
      variables: variables.map { (name: $0.0, value: $0.1) }, mounts: mounts)
  }

  private func lookUp(_ names: Set<String>, _ resource: GroupVersionResource) async throws
    -> [String: JSONValue]
  {
    var found: [String: JSONValue] = [:]
    for name in names {
      do {
        found[name] = try await node.client.get(
          resource, namespace: pod.view.namespace, name: name)
      } catch let status as APIStatus where status.code == 404 {
        continue
      }
    }
    return found
  }

  /// Nil for a pod in the node's network, which keeps the node's file.
  private func hostsFile(address: String) throws -> String? {
    if pod.view.hostNetwork { return nil }
    let path = "\(node.configuration.podDirectory(uid))/etc-hosts"
    if FileManager.default.fileExists(atPath: path) { return path }
    let text = HostsFile.text(
      pod.view, address: address, domain: node.configuration.clusterDomain)
    try FileManager.default.createDirectory(
      atPath: node.configuration.podDirectory(uid), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func terminationMount(_ container: PodSpecification.Container, _ attempt: Int) throws
    -> Mount
  {
    let path = terminationFile(container.name, attempt)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    chmod(path, 0o666)
    var mount = Mount()
    mount.hostPath = path
    mount.containerPath =
      container.json["terminationMessagePath"]?.stringValue ?? "/dev/termination-log"
    return mount
  }

  private func runPostStart(_ container: PodSpecification.Container, _ id: String) async {
    guard let command = container.json.at("lifecycle", "postStart", "exec", "command") else {
      return
    }
    do {
      let answer = try await node.runtime.execSync(
        id: id, command: ContainerSettings.strings(command), timeoutSeconds: 120)
      if answer.exitCode == 0 { return }
      event(
        "FailedPostStartHook", "PostStartHook failed: exit status \(answer.exitCode)", .warning,
        container: container.name)
    } catch {
      event(
        "FailedPostStartHook", "PostStartHook failed: \(error)", .warning,
        container: container.name)
    }
    try? await node.runtime.stopContainer(id: id, timeoutSeconds: 2)
  }

  private func kill(_ id: String, _ name: String, _ grace: Int64, _ message: String) async {
    event("Killing", message, container: name)
    var left = Int(clamping: max(0, grace))
    let container = pod.container(named: name)
    if left > 0, let hook = container?.json.at("lifecycle", "preStop") {
      let begun = ContinuousClock.now
      if let command = hook.at("exec", "command") {
        do {
          let answer = try await node.runtime.execSync(
            id: id, command: ContainerSettings.strings(command), timeoutSeconds: left)
          if answer.exitCode != 0 {
            event(
              "FailedPreStopHook", "PreStopHook failed: exit status \(answer.exitCode)", .warning,
              container: name)
          }
        } catch {
          event("FailedPreStopHook", "PreStopHook failed: \(error)", .warning, container: name)
        }
      } else if let seconds = hook.at("sleep", "seconds")?.intValue {
        try? await Task.sleep(for: .seconds(min(max(seconds, 0), Int64(left))))
      }
      // At least two seconds are left for the signal, as upstream.
      left = max(2, left - Int((ContinuousClock.now - begun).components.seconds))
    }
    await attempt("stop of container \(name)") {
      try await self.node.runtime.stopContainer(id: id, timeoutSeconds: left)
    }
  }
}

/// A pod's /etc/hosts. Pure.
enum HostsFile {
  static func text(_ pod: PodView, address: String, domain: String) -> String {
    var text = """
      # Written by the node agent for this pod.
      127.0.0.1\tlocalhost
      ::1\tlocalhost ip6-localhost ip6-loopback

      """
    let hostname = ContainerSettings.hostname(pod, nodeName: "")
    if let subdomain = pod.json.at("spec", "subdomain")?.stringValue, !subdomain.isEmpty {
      text += "\(address)\t\(hostname).\(subdomain).\(pod.namespace).svc.\(domain)\t\(hostname)\n"
    } else {
      text += "\(address)\t\(hostname)\n"
    }
    for alias in pod.json.at("spec", "hostAliases")?.arrayValue ?? [] {
      let names = ContainerSettings.strings(alias["hostnames"]).joined(separator: "\t")
      text += "\(alias["ip"]?.stringValue ?? "")\t\(names)\n"
    }
    return text
  }
}
