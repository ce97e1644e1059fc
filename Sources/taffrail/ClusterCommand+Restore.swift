import ArgumentParser
import ClusterTools
import EventStore
import Foundation
import LogTools

extension ClusterCommand {
  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bring up a new cluster from a backup, or from what one replica still has.",
      discussion: """
        Every server of cluster.conf gets a new data folder with that state; the old ones are \
        renamed. The cluster must be stopped. It is a new one then: replicas of the old one can't \
        join it, and its revisions begin beyond all that the old one has given out, so that \
        clients list anew and nothing goes back. This is also the way out where a majority of the \
        replicas is lost: --from the folder of one that is left.
        """)

    @OptionGroup var options: ConfigurationOptions
    @Option(help: "A backup, or the data folder of a replica.")
    var from: String
    @Option(help: "Take the state back to this revision or time: 214, 10m or an RFC 3339 time.")
    var at: String?

    func run() async throws {
      let (configuration, home) = try options.load()
      let report = try ClusterRestore(configuration: configuration, home: home)
        .run(from: from, at: try moment())
      for note in report.restore.notes { print("note: \(note)") }
      for folder in report.kept { print("kept: \(folder)") }
      print(
        "restored revision \(report.restore.restored), \(report.restore.keyCount) objects, into "
          + "\(report.folders.count) data folders; the new cluster begins with revision "
          + "\(report.restore.revision). Start it with tools/up")
    }

    private func moment() throws -> StoreRestore.Moment {
      guard let at else { return .newest }
      if let revision = UInt64(at) { return .revision(revision) }
      return .time(try Position.time(at, option: "--at"))
    }
  }
}
