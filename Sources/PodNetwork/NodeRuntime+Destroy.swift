import ChildProcesses
import Foundation
import Glibc

extension NodeRuntime {
  /// Ends everything that this node's runtime runs and removes what it mounted, also when its
  /// containerd is dead: processes in the node's cgroups, shims and containerd (known by its
  /// socket and configuration in their command lines), mounts below the node's folders, cgroups,
  /// and records of the CNI plugins.
  ///
  /// - Parameter removingState: whether the folder goes as well; otherwise images, logs and
  ///   volumes stay, and a new `prepare()` starts from them.
  public func destroy(removingState: Bool) async throws {
    try await Self.blocking { try destroyBlocking(removingState: removingState) }
  }

  static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value)
    async throws -> Value
  {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
  }

  private func destroyBlocking(removingState: Bool) throws {
    // containerd first: it would answer the death of a container.
    end(processes(withArguments: ["--config", configurationPath]))
    end(cgroupProcesses())
    end(processes(withArguments: ["-address", socketPath]))
    removeShimSockets()
    try unmount()
    removeCgroups()
    removeNetworkRecords()
    try remove(runDirectory)
    // What the containers were is gone with them; images would be kept, but containerd's
    // records of containers and snapshots would point to nothing that runs.
    if removingState {
      try remove(directory)
    } else {
      try remove("\(directory)/ipam")
    }
  }

  private func remove(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    try FileManager.default.removeItem(atPath: path)
  }

  /// Ids of processes whose command line holds the two arguments in a row.
  private func processes(withArguments pair: [String]) -> [pid_t] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { entry in
      guard let id = pid_t(entry), id != getpid(),
        let data = KernelFile.read("/proc/\(entry)/cmdline")
      else { return nil }
      let arguments = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      let found = zip(arguments, arguments.dropFirst()).contains { $0 == pair[0] && $1 == pair[1] }
      return found ? id : nil
    }
  }

  /// Kills and waits (up to ten seconds) until the processes are gone.
  private func end(_ ids: [pid_t]) {
    for id in ids { kill(id, SIGKILL) }
    var left = ids
    for _ in 0..<1000 {
      left = left.filter { isRunning($0) }
      if left.isEmpty { return }
      usleep(10_000)
    }
  }

  /// A zombie whose parent has not waited for it counts as gone.
  private func isRunning(_ id: pid_t) -> Bool {
    guard let data = KernelFile.read("/proc/\(id)/stat") else { return false }
    let text = String(decoding: data, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return false }
    return !text[end...].dropFirst(2).hasPrefix("Z")
  }

  /// The node's folder in each cgroup hierarchy (one with cgroup v2).
  private func cgroupFolders() -> [String] {
    let base = "/sys/fs/cgroup"
    let controllers = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
    return ([base] + controllers.map { "\(base)/\($0)" })
      .map { $0 + cgroupParent }
      .filter { FileManager.default.fileExists(atPath: $0) }
  }

  /// Deepest first.
  private func foldersBelow(_ root: String) -> [String] {
    var found: [String] = []
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    for entry in entries {
      var isDirectory: ObjCBool = false
      let path = "\(root)/\(entry)"
      if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
        isDirectory.boolValue
      {
        found += foldersBelow(path)
      }
    }
    return found + [root]
  }

  private func cgroupProcesses() -> [pid_t] {
    var ids: Set<pid_t> = []
    for folder in cgroupFolders().flatMap(foldersBelow) {
      guard let data = KernelFile.read("\(folder)/cgroup.procs") else {
        continue
      }
      for line in data.split(separator: UInt8(ascii: "\n")) {
        if let id = pid_t(String(decoding: line, as: UTF8.self)), id > 1 { ids.insert(id) }
      }
    }
    return Array(ids)
  }

  private func removeCgroups() {
    for root in cgroupFolders() {
      for folder in foldersBelow(root) { rmdir(folder) }
      // The cluster's folder goes with its last node.
      rmdir((root as NSString).deletingLastPathComponent)
    }
  }

  /// Shims listen on sockets in /run/containerd/s, whose paths their bundles name.
  private func removeShimSockets() {
    let tasks = "\(runDirectory)/containerd/io.containerd.runtime.v2.task/k8s.io"
    for id in (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? [] {
      guard let data = FileManager.default.contents(atPath: "\(tasks)/\(id)/address") else {
        continue
      }
      let address = String(decoding: data, as: UTF8.self)
      let prefix = "unix:///run/containerd/s/"
      guard address.hasPrefix(prefix) else { continue }
      let name = address.dropFirst(prefix.count)
      if !name.contains("/") { unlink("/run/containerd/s/\(name)") }
    }
  }

  private func unmount() throws {
    // A mount may lie upon another, and unmounting one may uncover the next.
    for _ in 0..<10 {
      let data = KernelFile.read("/proc/self/mountinfo") ?? []
      let points = MountTable.mountPoints(
        below: [directory, runDirectory], mountInfo: String(decoding: data, as: UTF8.self))
      if points.isEmpty { return }
      for point in points { umount2(point, Int32(MNT_DETACH)) }
    }
    throw CommandError(
      command: Command(["umount", directory]), status: 1,
      output: "mounts below \(directory) stay busy; end what uses them and try again")
  }

  /// libcni keeps a result per pod and plugin chain in one folder of the machine. Ours carry the
  /// network's name; those of the loopback device, the id of a sandbox that containerd knows.
  private func removeNetworkRecords() {
    let folder = "/var/lib/cni/results"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix("\(networkName)-") {
      unlink("\(folder)/\(name)")
    }
    for root in ["\(directory)/containerd", "\(runDirectory)/containerd"] {
      let sandboxes = "\(root)/io.containerd.grpc.v1.cri/sandboxes"
      for id in (try? FileManager.default.contentsOfDirectory(atPath: sandboxes)) ?? [] {
        unlink("\(folder)/cni-loopback-\(id)-lo")
      }
    }
  }
}
