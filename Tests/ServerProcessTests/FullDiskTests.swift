import Foundation
import Testing

/// A disk of a few megabytes in a mount namespace of its own, which ends with its process, so that
/// nothing is left behind.
private struct SmallDisk {
  let path: String
  private let holder: ServerProcess

  init(_ path: String, megabytes: Int) async throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    self.path = path
    holder = try ServerProcess(command: [
      "unshare", "--mount", "sh", "-c",
      "mount -t tmpfs -o size=\(megabytes)m tmpfs '\(path)' && echo mounted && exec sleep 3600",
    ])
    try await holder.printed("mounted")
  }

  /// What makes a program see the disk.
  var launcher: [String] { ["nsenter", "--mount=/proc/\(holder.pid)/ns/mnt"] }
  /// Where the disk's files are for everybody else.
  var root: String { "/proc/\(holder.pid)/root" }

  func remove() async throws { try await holder.stop(SIGKILL) }
}

struct FullDiskTests {
  static var canMount: Bool {
    guard geteuid() == 0, Command.exists("unshare"), Command.exists("nsenter") else { return false }
    let attempt = try? Command.run([
      "unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt",
    ])
    return attempt?.status == 0
  }

  @Test(.enabled(if: canMount, "mounting a small disk needs root: run the tests as root"))
  func aFullDiskRefusesWritesUntilThereIsSpace() async throws {
    let folder = try TestFolder()
    let disk = try await SmallDisk(folder.path + "/disk", megabytes: 24)
    let data = disk.path + "/data"
    func start() async throws -> Standalone {
      let process = try ServerProcess(Standalone.arguments(data), launcher: disk.launcher)
      return try await Standalone.ready(process, data: data, root: disk.root)
    }
    let server = try await start()
    var written = Acknowledged()
    try await written.write(3, to: server.client)

    let filler = disk.root + disk.path + "/filler"
    #expect(FileManager.default.createFile(atPath: filler, contents: Data(count: 12 << 20)))
    var refusal: Answer?
    for _ in 0..<500 where refusal == nil {
      let answer = try await written.write(to: server.client, bytes: 200_000)
      switch answer.status {
      case 201: break
      // On its way when the disk filled up: whether it was written is not known.
      case 503, 504: break
      default: refusal = answer
      }
    }
    let refused = try #require(refusal, "the disk did not fill up")
    refused.expectStatus(
      507, "InsufficientStorage", "the disk of replica 1, which leads, is full",
      "nothing was written; free some space there, its log names the folder")
    #expect(
      server.process.output.contains("folder=\(data)/store")
        && server.process.output.contains("full: no writes until there is space"),
      "\(server.process.output)")
    // Reads go on, and nothing that was acknowledged is lost.
    try await written.expectAll(from: server.client)
    #expect(server.process.isRunning, "\(server.process.output)")

    try FileManager.default.removeItem(atPath: filler)
    let deadline = ContinuousClock.now + .seconds(60)
    while try await written.write(to: server.client).status != 201 {
      try #require(ContinuousClock.now < deadline, "writes are not taken again")
      try await Task.sleep(for: .milliseconds(50))
    }
    try await written.expectAll(from: server.client)
    try await server.process.stop().expect(status: 0)
    let again = try await start()
    try await written.expectAll(from: again.client)
    try await again.process.stop().expect(status: 0)
    try await disk.remove()
  }
}
