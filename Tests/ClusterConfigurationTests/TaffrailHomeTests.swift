import Foundation
import Testing

@testable import ClusterConfiguration

/// A folder of its own for a test, removed with it.
final class TemporaryFolder {
  let path: String

  init() throws {
    let name = "taffrail-test-\(UInt64.random(in: 0 ... .max))"
    path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}

func fileMode(_ path: String) throws -> Int {
  let attributes = try FileManager.default.attributesOfItem(atPath: path)
  return (attributes[.posixPermissions] as? Int) ?? -1
}

struct TaffrailHomeTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test func environmentOverridesTheFileAndTheFileTheDefault() throws {
    var configuration = try ClusterConfiguration.parse(
      yaml: validConfiguration, path: "/etc/x/cluster.conf")
    #expect(TaffrailHome.resolve(configuration, environment: [:]).path == "/etc/x/.taffrail")
    configuration.dataFolder = "state"
    #expect(TaffrailHome.resolve(configuration, environment: [:]).path == "/etc/x/state")
    let overridden = TaffrailHome.resolve(configuration, environment: ["TAFFRAIL_HOME": "/h/a"])
    #expect(overridden.path == "/h/a")
    #expect(overridden.serverFolder(2) == "/h/a/server-2")
    #expect(overridden.pidFile("endpoint") == "/h/a/run/endpoint.pid")
  }

  @Test func identifierIsMadeOnce() throws {
    let home = TaffrailHome(path: folder.path + "/home")
    #expect(throws: HomeError.self) { try home.clusterIdentifier() }
    try home.prepare()
    let identifier = try home.clusterIdentifier()
    try home.prepare()
    #expect(try home.clusterIdentifier() == identifier)
    #expect(try fileMode(home.pkiFolder) == 0o700)
  }

  @Test(arguments: ["", "xyz", "0000000000000000", "12345678901234567"])
  func damagedIdentifierIsReported(text: String) throws {
    let home = TaffrailHome(path: folder.path)
    try AtomicFile.write(text, to: home.clusterIdentifierFile, mode: 0o644)
    #expect(throws: HomeError.self) { try home.clusterIdentifier() }
  }

  @Test func foreignFoldersAreLeftAlone() throws {
    try AtomicFile.write("precious", to: folder.path + "/thesis.tex", mode: 0o644)
    let home = TaffrailHome(path: folder.path)
    #expect(throws: HomeError.self) { try home.prepare() }
    #expect(throws: HomeError.self) { try home.wipe() }
    #expect(FileManager.default.fileExists(atPath: folder.path + "/thesis.tex"))
    #expect(throws: HomeError.self) { try TaffrailHome(path: "/").wipe() }
  }

  @Test func wipeRemovesACluster() throws {
    let home = TaffrailHome(path: folder.path + "/home")
    try home.prepare()
    try home.wipe()
    #expect(!FileManager.default.fileExists(atPath: home.path))
    try home.wipe()
  }

  @Test func filesAreReplacedWhole() throws {
    let path = folder.path + "/f"
    try AtomicFile.write("one", to: path, mode: 0o644)
    try AtomicFile.write("two", to: path, mode: 0o600)
    #expect(try AtomicFile.read(path) == "two")
    #expect(try fileMode(path) == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f"])
    #expect(try AtomicFile.read(folder.path + "/none") == nil)
    #expect(throws: HomeError.self) {
      try AtomicFile.write("x", to: folder.path + "/none/f", mode: 0o600)
    }
  }

  @Test func lockIsExclusiveUntilReleased() throws {
    let path = folder.path + "/lock"
    var first = try FileLock.attempt(path: path)
    #expect(first != nil)
    #expect(try FileLock.attempt(path: path) == nil)
    first = nil
    #expect(first == nil)
    #expect(try FileLock.attempt(path: path) != nil)
  }

  @Test func processesAreToldApartByStartTime() throws {
    let own = try #require(ProcessIdentity.running(pid: getpid()))
    #expect(own.isRunning)
    #expect(ProcessIdentity(text: own.text) == own)
    let other = ProcessIdentity(pid: own.pid, startTime: own.startTime &+ 1)
    #expect(!other.isRunning)
    #expect(!other.signal(0))
    #expect(own.signal(0))
    let path = folder.path + "/p.pid"
    try AtomicFile.write(other.text, to: path, mode: 0o644)
    #expect(ProcessIdentity.running(pidFile: path) == nil)
    try AtomicFile.write(own.text, to: path, mode: 0o644)
    #expect(ProcessIdentity.running(pidFile: path) == own)
    #expect(ProcessIdentity.running(pid: 0) == nil)
  }

  @Test(arguments: ["", "12", "0 5", "-3 5", "x y", "1 2 3"])
  func damagedPidFilesNameNobody(text: String) {
    #expect(ProcessIdentity(text: text) == nil)
  }

  @Test func statIsReadAroundAnyName() {
    let stat = "7 (a) b (c)) S 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"
    #expect(ProcessIdentity.parse(stat: stat)?.startTime == 4242)
    #expect(ProcessIdentity.parse(stat: stat)?.state == "S")
    #expect(ProcessIdentity.parse(stat: "7 (x) S 1") == nil)
    #expect(ProcessIdentity.parse(stat: "garbage") == nil)
  }
}
