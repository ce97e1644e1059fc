import ClusterConfiguration
import Foundation
import Testing

@testable import LocalCluster

/// A home folder of its own for a test, removed with it.
final class TemporaryHome {
  let home: TaffrailHome

  init() throws {
    let name = "taffrail-test-\(UInt64.random(in: 0 ... .max))"
    home = TaffrailHome(path: FileManager.default.temporaryDirectory.path + "/" + name)
    try home.prepare()
  }

  deinit {
    try? home.wipe()
  }
}

/// Waits for something that another process brings about; the limit only ends a failing test.
func eventually(
  isolation: isolated (any Actor)? = #isolation, _ condition: () async -> Bool
) async -> Bool {
  let deadline = ContinuousClock.now + .seconds(30)
  // Where many tests share the threads one sleep may last for seconds, as do those of what is waited
  // for: it gets so many turns, however long they take.
  var turns = 0
  while turns < 1_000 || ContinuousClock.now < deadline {
    if await condition() { return true }
    try? await Task.sleep(for: .milliseconds(10))
    turns += 1
  }
  return await condition()
}

struct SupervisorTests {
  let folder: TemporaryHome
  var home: TaffrailHome { folder.home }

  init() throws {
    folder = try TemporaryHome()
  }

  func shell(_ name: String, _ script: String) -> ProcessSpecification {
    ProcessSpecification(name: name, stage: .server, command: ["/bin/sh", "-c", script])
  }

  @Test func aKilledProcessIsStartedAgainAndStopEndsIt() async throws {
    let supervisor = Supervisor(home: home)
    supervisor.add(shell("server-1", "echo up; exec sleep 1000"))
    let first = try #require(supervisor.process(named: "server-1"))
    #expect(ProcessIdentity.running(pidFile: home.pidFile("server-1")) == first)
    // It must have written its line before it dies.
    #expect(await eventually { (try? AtomicFile.read(home.logFile("server-1"))) == "up\n" })
    first.signal(SIGKILL)
    #expect(
      await eventually {
        let next = supervisor.process(named: "server-1")
        return next != nil && next != first
      })
    let second = try #require(supervisor.process(named: "server-1"))
    #expect(
      await eventually {
        (try? AtomicFile.read(home.logFile("server-1"))) == "up\nup\n"
      })
    supervisor.stop()
    await supervisor.waitUntilFinished()
    #expect(!second.isRunning)
    #expect(try AtomicFile.read(home.pidFile("server-1")) == nil)
  }

  @Test func anotherSupervisorAdoptsWhatRuns() async throws {
    let started = try SupervisedProcess(["/bin/sleep", "1000"], logFile: home.logFile("endpoint"))
    let process = started.identity
    started.whenEnded { _ in }
    try AtomicFile.write(process.text, to: home.pidFile("endpoint"), mode: 0o644)
    let supervisor = Supervisor(home: home)
    supervisor.add(shell("endpoint", "exit 1"))
    #expect(supervisor.process(named: "endpoint") == process)
    supervisor.stop()
    await supervisor.waitUntilFinished()
    #expect(!process.isRunning)
  }

  @Test func aMissingProgramIsTriedAgainUntilStopped() async throws {
    let supervisor = Supervisor(home: home)
    supervisor.add(
      ProcessSpecification(name: "x", stage: .endpoint, command: ["/nonexistent/program"]))
    #expect(supervisor.process(named: "x") == nil)
    supervisor.stop()
    await supervisor.waitUntilFinished()
  }

  @Test func processesHaveASessionOfTheirOwn() async throws {
    let started = try SupervisedProcess(["/bin/sleep", "1000"], logFile: home.logFile("x"))
    let process = started.identity
    #expect(getsid(process.pid) == process.pid)
    process.signal(SIGKILL)
    let reason = await withCheckedContinuation { continuation in
      started.whenEnded { continuation.resume(returning: $0) }
    }
    #expect(reason == "killed by signal 9")
    #expect(!process.isRunning)
  }

  @Test func downEndsWhatASupervisorLeftBehind() async throws {
    let configuration = try testConfiguration(path: home.path + "/cluster.conf")
    // One that ignores SIGTERM would take the stage's whole timeout; this one doesn't.
    let started = try SupervisedProcess(["/bin/sleep", "1000"], logFile: home.logFile("server-1"))
    let process = started.identity
    started.whenEnded { _ in }
    try AtomicFile.write(process.text, to: home.pidFile("server-1"), mode: 0o644)
    let stop = ClusterStop(
      configuration: configuration, home: home, progress: ProgressReport(isTerminal: false))
    try await stop.run(wipe: false)
    #expect(!process.isRunning)
    #expect(home.exists)
    try await stop.run(wipe: true)
    #expect(!FileManager.default.fileExists(atPath: home.path))
    try await stop.run(wipe: true)
  }

  @Test func largeLogsAreRotated() throws {
    try AtomicFile.write("0123456789", to: home.logFile("a"), mode: 0o600)
    try AtomicFile.write("01234", to: home.logFile("b"), mode: 0o600)
    LogRotation.rotate(folder: home.logsFolder, maximumBytes: 8)
    #expect(try AtomicFile.read(home.logFile("a")) == "")
    #expect(try AtomicFile.read(home.logFile("a") + ".1") == "0123456789")
    #expect(try AtomicFile.read(home.logFile("b")) == "01234")
    #expect(LogRotation.tail(home.logFile("b"), lines: 3) == "01234")
    #expect(LogRotation.tail(home.logFile("none"), lines: 3) == nil)
  }
}
