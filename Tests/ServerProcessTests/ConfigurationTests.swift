import Foundation
import Testing

/// A wrong cluster.conf: the server says line, key and what is allowed, and touches nothing.
struct ConfigurationTests {
  /// What to replace in a file that is right, with what, and what must be said of it. `FILE`
  /// stands for its path.
  static let mistakes: [(name: String, replace: String, with: String, said: [String])] = [
    (
      "unknown key", "name: test", "nmae: test",
      [
        "FILE:1: nmae: unknown key; did you mean name?",
        "FILE:1: name: is missing; expected a name of lower-case letters",
      ]
    ),
    (
      "unknown key of a server", "    apiAddress: 127.0.0.1:24", "    api: 127.0.0.1:24",
      ["FILE:5: servers[0].api: unknown key; allowed here: id, peerAddress, apiAddress"]
    ),
    (
      "wrong type", "id: 2", "id: two",
      ["FILE:6: servers[1].id: \"two\" is not allowed; expected a number from 1 to 255"]
    ),
    (
      "a list where a word belongs", "name: test", "name: [a, b]",
      ["FILE:1: name: a list found; expected a name"]
    ),
    (
      "duplicate id", "id: 2", "id: 1",
      ["FILE:6: servers[1].id: the id 1 is already taken by servers[0].id in line 3"]
    ),
    (
      "duplicate address", "127.0.0.1:2703", "127.0.0.1:2701",
      ["FILE:7: servers[1].peerAddress: the address 127.0.0.1:2701 is already taken"]
    ),
    (
      "overlapping ranges", "10.96.0.0/16", "10.244.128.0/20",
      [
        "FILE:14: serviceRange: 10.244.128.0/20 overlaps podRange 10.244.0.0/16; give each its own"
      ]
    ),
    (
      "address without a port", "127.0.0.1:2703", "127.0.0.1",
      [
        "FILE:7: servers[1].peerAddress: \"127.0.0.1\" is not allowed; expected HOST:PORT, such as"
      ]
    ),
    ("bad YAML", "name: test", "name: [test", ["FILE:", "not readable as YAML"]),
    (
      "a key twice", "name: test", "name: test\nname: again",
      ["FILE:1: the key name stands here more than once"]
    ),
  ]

  @Test(arguments: mistakes.map(\.name))
  func aWrongFileIsNamedWithLineKeyAndWhatIsAllowed(_ name: String) async throws {
    let mistake = try #require(Self.mistakes.first { $0.name == name })
    let folder = try TestFolder()
    let path = folder.path + "/cluster.conf"
    let right = ServerHome.text(
      (1...3).map { .init(id: $0, peerPort: 2699 + 2 * $0, apiPort: 2400 + $0) },
      endpointPort: 2500)
    try #require(right.contains(mistake.replace))
    let range = try #require(right.range(of: mistake.replace))
    try right.replacingCharacters(in: range, with: mistake.with).write(
      toFile: path, atomically: true, encoding: .utf8)
    let home = folder.path + "/home"
    let end = try await ServerProcess(
      ["server", "--config", path, "--id", "1"], environment: ["TAFFRAIL_HOME": home]
    ).ended()
    end.expect()
    for said in mistake.said {
      let text = said.replacingOccurrences(of: "FILE", with: path)
      #expect(end.output.contains(text), "no “\(text)” from what \(end)")
    }
    #expect(!end.output.contains("Usage:"), "\(end)")
    #expect(!FileManager.default.fileExists(atPath: home), "something was made of a wrong file")
  }

  @Test func aMissingFileIsNamed() async throws {
    let folder = try TestFolder()
    let end = try await ServerProcess(
      ["server", "--config", folder.path + "/none.conf", "--id", "1"],
      environment: ["TAFFRAIL_HOME": folder.path + "/home"]
    ).ended()
    end.expect(folder.path + "/none.conf: the file is missing; give another with --config FILE")
  }

  @Test func anIDThatIsNotInTheFileIsRefusedWithThoseThatAre() async throws {
    let home = try ServerHome(ids: [1, 4])
    try await home.start(9).ended().expect("has no server with id 9; its ids are 1, 4")
    try await ServerProcess(["server", "--config", home.configuration]).ended().expect(
      "--id N must say which of the servers this is", "Usage: taffrail server", status: 64)
  }

  @Test func controllersThatAreUnknownAreRefusedWithThoseThatAre() async throws {
    let folder = try TestFolder()
    let end = try await ServerProcess(
      Standalone.arguments(folder.path + "/data", ["--controllers", "deployment,replicasets"])
    ).ended()
    end.expect(
      "there is no controller \"replicasets\", did you mean replicaset?",
      "write all, none, or some of deployment, replicaset, ", "scheduler", status: 64)
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"))
  }

  @Test func onlyTheControllersThatAreAskedForRun() async throws {
    let folder = try TestFolder()
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    let none = try await Standalone.start(folder.path + "/none")
    #expect(try await none.client.get(leases).json["items"]?.arrayValue?.isEmpty == true)
    try await none.process.stop()
    // The service account controller is seen by what it makes.
    let some = try await Standalone.start(
      folder.path + "/some", options: ["--controllers", "serviceaccount"])
    let account = "/api/v1/namespaces/default/serviceaccounts/default"
    let deadline = ContinuousClock.now + .seconds(60)
    while try await some.client.get(account).status != 200, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(25))
    }
    #expect(try await some.client.get(account).status == 200)
    let scheduler = try await some.client.get(leases + "/kube-scheduler")
    scheduler.expectStatus(404, "NotFound")
    try await some.process.stop()
  }
}
