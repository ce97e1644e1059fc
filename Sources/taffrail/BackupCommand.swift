import ArgumentParser
import ClusterTools
import EventStore
import Foundation
import LogTools

struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Save the cluster's state and history, and check what was saved.",
    discussion: """
      `taffrail backup FILE` writes everything as of one revision, while the cluster runs or when \
      it is stopped. `taffrail cluster restore --from FILE` brings it back.
      """,
    subcommands: [Make.self, Verify.self], defaultSubcommand: Make.self)

  struct Make: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a backup.",
      discussion: """
        A name that ends in / or is a folder's gets a file that is named by its revision. With \
        --since only what happened after that backup is written; keep both in one folder.
        """)

    @OptionGroup var log: LogOptions
    @Option(help: "An earlier backup to go on from.")
    var since: String?
    @Argument(help: "The file to make, or a folder for it.")
    var target: String

    func run() async throws {
      // Waits until all that was written before is in the folder that is read.
      let folder = try await log.open().folder
      let made = try Backup.make(of: folder, to: target, since: since)
      for note in made.notes { print("note: \(note)") }
      let content =
        made.header.isIncremental
        ? "what happened after revision \(made.header.since), up to \(made.header.revision)"
        : "everything as of revision \(made.header.revision)"
      print("\(made.file): \(content)")
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check every byte of a backup, and that it gives the state that it says.",
      discussion: """
        With an incremental one, those that it goes on from are checked too. Exits with 1 where \
        something is wrong.
        """)

    @Argument(help: "The backup.")
    var file: String

    func run() async throws {
      let headers = try Backup.verify(file)
      for header in headers {
        let kind = header.isIncremental ? "since revision \(header.since)" : "full"
        print(
          "good: revision \(header.revision), \(kind), cluster "
            + "\(String(header.clusterID, radix: 16)), \(header.byteCount) bytes")
      }
    }
  }
}
