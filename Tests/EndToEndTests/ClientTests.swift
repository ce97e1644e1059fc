import Foundation
import Testing

// In the suite of the clusters, since these have their ports in common: one at a time.
extension ClusterTests {
  /// Clients that people use besides kubectl, through the deaths of leaders: the official Python
  /// client, and an operator that is written with kopf.
  @Suite struct ClientTests {
    @Test(
      .enabled(
        if: PythonClients.isRequired || PythonClients() != nil,
        "needs kubectl, and the Python clients that tools/test installs"),
      .timeLimit(.minutes(10)))
    func pythonAndAnOperatorOutliveLeaders() throws {
      let clients = try #require(PythonClients(), "kubectl or the Python clients are missing")
      let start = Date()
      let cluster = try TestCluster(hollowNodes: 2)
      defer {
        let result = cluster.down()
        #expect(result.status == 0, "\(result)")
        try? FileManager.default.removeItem(atPath: cluster.root)
      }
      let up = cluster.up()
      try #require(up.status == 0, "\(up)")
      let fleet = try FleetOperator(in: cluster, clients: clients)
      defer { fleet.kill() }
      func step(_ name: String) {
        print("clients: \(name), \(Int(Date().timeIntervalSince(start) * 1000)) ms")
      }
      step("the operator is started")

      Self.sail(cluster, round: 0)
      Self.arrive(cluster, fleet, round: 0)
      step("ships are made")

      // The Python client has leaders killed at its end, and ships change all the while.
      let kill = "'\(cluster.binary)' cluster kill-leader --config '\(cluster.configuration)'"
      let tour = BackgroundCommand(
        cluster.shell,
        [
          clients.python, "-B", fleet.scripts + "/python_client.py", "tour", "sh", "-c",
          "\(kill) --times 2 && \(kill) --silent",
        ], timeoutSeconds: 300)
      var round = 0
      repeat {
        round += 1
        Self.sail(cluster, round: round)
      } while tour.isRunning
      let toured = try #require(tour.wait())
      toured.expect("checks passed")
      print(toured.output)
      Self.arrive(cluster, fleet, round: round)
      try Self.checkShips(cluster, round: round)
      step("\(round) rounds")

      // One leader more dies while ships go.
      let drill = BackgroundCommand(cluster.shell, ["sh", "-c", kill], timeoutSeconds: 120)
      for (selector, cascade) in [("rig=brig", "foreground"), ("rig!=brig", "background")] {
        cluster.kubectlUntil(
          "delete", "ships", "-n", "fleet", "-l", selector, "--cascade=\(cascade)",
          "--timeout=15s"
        ) { $0.status == 0 }.expect()
      }
      try #require(drill.wait()).expect("every acknowledged write is there")
      let left = cluster.kubectlUntil(
        "get", "ships,deployments,replicasets,pods,configmaps", "-n", "fleet", "-l", "ship",
        "-o", "name"
      ) { $0.status == 0 && $0.output.isEmpty }
      #expect(left.output.isEmpty, "\(left)")
      step("ships are gone")
      try Self.checkJournal(cluster, fleet)
      #expect(fleet.isRunning, "\(fleet.log)")
      #expect(fleet.stop() == .exited(0), "\(fleet.log)")
      step("the operator is stopped")
    }
  }
}

extension ClusterTests.ClientTests {
  static let count = 6

  /// Has all ships be what they are in a round: those that stay, and one that exists for one round.
  private static func sail(_ cluster: TestCluster, round: Int) {
    func ship(_ name: String, rig: String) -> String {
      """
      apiVersion: harbour.example.com/v1
      kind: Ship
      metadata: {name: \(name), namespace: fleet, labels: {rig: \(rig), ship: \(name)}}
      spec:
        crew: \(crew(round))
        cargo: {round: "\(round)", "crate-\(round)": tea}
        route: [{port: bremen}, {port: round, days: \(round)}]
      ---

      """
    }
    let ships = (0..<count).map { ship("ship-\($0)", rig: $0 % 2 == 0 ? "brig" : "barque") }
    let file = cluster.root + "/ships.yaml"
    #expect(throws: Never.self) {
      try (ships.joined() + ship("tender-\(round)", rig: "cutter")).write(
        toFile: file, atomically: true, encoding: .utf8)
    }
    // A command whose server is killed says so, and is given again.
    cluster.kubectlUntil("apply", "-f", file) { $0.status == 0 }.expect("tender-\(round) ")
    guard round > 0 else { return }
    cluster.kubectlUntil(
      "delete", "ship", "tender-\(round - 1)", "-n", "fleet", "--wait=false", "--ignore-not-found"
    ) { $0.status == 0 }.expect()
  }

  private static func crew(_ round: Int) -> Int { 1 + round % 3 }

  /// Waits until the operator has done all that a round asks for.
  private static func arrive(_ cluster: TestCluster, _ fleet: FleetOperator, round: Int) {
    for (path, value) in [
      (".status.stowed.round", round), (".status.aboard", crew(round)),
    ] {
      let waited = cluster.kubectl(
        "wait", "ships", "-n", "fleet", "-l", "rig!=cutter", "--for=jsonpath={\(path)}=\(value)",
        "--timeout=90s", timeoutSeconds: 120)
      #expect(
        waited.status == 0,
        "\(waited)\n\(cluster.kubectl("get", "ships", "-n", "fleet", "-o", "yaml"))\n\(fleet.log)")
    }
  }

  /// A ship's children are what it says, and its status says so.
  private static func checkShips(_ cluster: TestCluster, round: Int) throws {
    let cargo = ["round": String(round), "crate-\(round)": "tea"]
    let ships = try objects(cluster, "ships", "rig!=cutter")
    #expect(ships.count == count)
    var uids: [String: String] = [:]
    for (name, ship) in ships {
      uids[name] = ship.string("metadata", "uid")
      #expect(ship.dictionary("status", "stowed") as? [String: String] == cargo, "\(ship)")
      let observed = ship.dictionary("status")?["observedGeneration"] as? Int
      #expect(observed == ship.dictionary("metadata")?["generation"] as? Int, "\(ship)")
      #expect(ship.string("status", "phase") == "Sailing")
    }
    for (resource, check) in [
      ("configmaps", { ($0["data"] as? [String: String]) == cargo }),
      ("deployments", { $0.dictionary("spec")?["replicas"] as? Int == crew(round) }),
    ] as [(String, ([String: Any]) -> Bool)] {
      let children = try objects(cluster, resource, "ship")
      for (name, uid) in uids {
        let child = try #require(children[name], "no \(resource) \(name)")
        #expect(check(child), "\(child)")
        let owners = child.dictionary("metadata")?["ownerReferences"] as? [[String: Any]] ?? []
        #expect(owners.map { $0["uid"] as? String } == [uid], "\(child)")
      }
    }
    let events = cluster.kubectl(
      "get", "events", "-n", "fleet", "--field-selector", "reason=FittedOut,type=Normal",
      "-o", "jsonpath={.items[*].involvedObject.kind}")
    #expect(events.output.split(separator: " ").allSatisfy { $0 == "Ship" }, "\(events)")
    #expect(events.output.split(separator: " ").count >= count, "\(events)")
    cluster.kubectl("get", "fleet", "-n", "fleet").expect("CREW", "ABOARD", "PHASE", "Sailing")
  }

  /// Every ship was fitted out, in the order of its generations, and struck after that; while it
  /// was there, one watch was kept.
  private static func checkJournal(_ cluster: TestCluster, _ fleet: FleetOperator) throws {
    let journal = try fleet.journal()
    #expect(journal.filter { $0.handler == "startup" }.count == 1, "it was started again")
    let ships = Dictionary(grouping: journal.filter { $0.uid != nil }) { $0.uid ?? "" }
    for (uid, entries) in ships {
      let fitted = entries.filter { $0.handler == "fit" }
      let generations = fitted.compactMap(\.generation)
      #expect(generations == generations.sorted(), "\(uid): \(entries)")
      // A tender may have gone before the operator came to it.
      let isTender = entries.allSatisfy { $0.name.hasPrefix("tender") }
      #expect(isTender || fitted.first?.reason == "create", "\(uid): \(entries)")
      let strikes = entries.indices.filter { entries[$0].handler == "strike" }
      let lastFit = entries.lastIndex { $0.handler == "fit" } ?? -1
      // kopf promises that a handler succeeds at least once.
      #expect(!strikes.isEmpty && strikes[0] > lastFit, "\(uid): \(entries)")
      let watches = entries.filter { $0.handler.hasSuffix("watch") }.map(\.handler)
      #expect(watches == ["on watch", "off watch"] || isTender && watches.isEmpty, "\(entries)")
    }
    let logbook = cluster.kubectl(
      "get", "configmap", "logbook", "-n", "fleet", "-o", "jsonpath={.data}")
    let struck = try JSONSerialization.jsonObject(with: Data(logbook.output.utf8))
    #expect(Set((struck as? [String: String] ?? [:]).keys) == Set(ships.keys), "\(logbook)")
    let retries = journal.filter { ($0.retry ?? 0) > 0 }.count
    print("clients: \(ships.count) ships, \(journal.count) entries, \(retries) tried again")
  }

  /// Objects of the namespace fleet by their names.
  private static func objects(_ cluster: TestCluster, _ resource: String, _ selector: String)
    throws -> [String: [String: Any]]
  {
    let result = cluster.kubectl(
      "get", resource, "-n", "fleet", "-l", selector, "-o", "json")
    let list = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any],
      "\(result)")
    let items = list["items"] as? [[String: Any]] ?? []
    return Dictionary(uniqueKeysWithValues: items.map { ($0.string("metadata", "name") ?? "", $0) })
  }
}

extension [String: Any] {
  fileprivate func dictionary(_ path: String...) -> [String: Any]? {
    var value: [String: Any]? = self
    for name in path { value = value?[name] as? [String: Any] }
    return value
  }

  fileprivate func string(_ parent: String, _ name: String) -> String? {
    dictionary(parent)?[name] as? String
  }
}
