import Foundation
import Glibc

/// The cgroups that pods leave behind: the runtime makes a pod's own, and removes only those of
/// its containers.
enum PodCgroup {
  static func remove(root: String, uid: String) {
    let base = "/sys/fs/cgroup"
    for controller in [""] + ((try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []) {
      // Fails where there is none, or where something still runs: then it is not ours to end.
      rmdir("\(base)/\(controller)\(root)/pod\(uid)")
    }
  }
}
