import ClusterConfiguration
import Foundation

/// The processes of a cluster that run now, by their pid files.
enum RunningProcesses {
  static func all(home: TaffrailHome) -> [(name: String, process: ProcessIdentity)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: home.runFolder)) ?? []
    return names.sorted().compactMap { file in
      guard file.hasSuffix(".pid") else { return nil }
      let name = String(file.dropLast(4))
      return ProcessIdentity.running(pidFile: home.pidFile(name)).map { (name, $0) }
    }
  }
}
