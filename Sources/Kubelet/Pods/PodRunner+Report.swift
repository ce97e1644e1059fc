import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient

extension PodRunner {
  /// Writes the pod's status where it differs from what the API has.
  func report(waiting: [String: PodWorker.Waiting]) async {
    if isOrphan { return }
    var messages: [String: String] = [:]
    for container in observed.containers where container.state == .exited {
      if let text = terminationMessage(container) { messages[container.id] = text }
    }
    let builder = PodStatusBuilder(
      pod: pod, observed: observed, waiting: waiting, ready: readyContainers, started: started,
      terminationMessages: messages, hostAddress: node.configuration.address, now: .now)
    let status = builder.status()
    if status == pod.view.json["status"] { return }
    let view = pod.view
    do {
      let updated = try await node.client.patch(
        .pods, namespace: view.namespace, name: view.name,
        patch: ["metadata": ["uid": .string(uid)], "status": status], type: .merge,
        subresource: "status")
      update(updated)
    } catch let failure as APIStatus where failure.code == 404 || failure.code == 409 {
      // Deleted or replaced: the watch tells.
    } catch {
      node.logger.warning("status of \(view.namespace)/\(view.name): \(error)")
      let signal = signal
      Task {
        try? await Task.sleep(for: .seconds(1))
        signal.set()
      }
    }
  }

  /// Upstream reads as much.
  static var maximumMessageBytes: Int { 4096 }

  private func terminationMessage(_ container: ObservedPod.Container) -> String? {
    let path = terminationFile(container.name, container.attempt)
    guard let data = FileManager.default.contents(atPath: path), !data.isEmpty else { return nil }
    return String(decoding: data.prefix(Self.maximumMessageBytes), as: UTF8.self)
  }

  func terminationFile(_ container: String, _ attempt: Int) -> String {
    "\(node.configuration.podDirectory(uid))/containers/\(container)/\(attempt)"
  }

  /// Where the output of a container's present or previous instance is.
  func logLocation(container: String, previous: Bool) -> LogLocation? {
    let instances = observed.instances(of: container)
    guard let instance = previous ? instances.dropFirst().first : instances.first else {
      return nil
    }
    let view = pod.view
    let directory = node.configuration.logDirectory(
      namespace: view.namespace, name: view.name, uid: uid)
    let id = instance.id
    return LogLocation(path: "\(directory)/\(container)/\(instance.attempt).log") {
      [weak self] in
      await self?.isRunning(id) ?? false
    }
  }

  private func isRunning(_ id: String) -> Bool {
    observed.containers.contains { $0.id == id && $0.state == .running }
  }
}
