import ChildProcesses
import Foundation
import Testing

enum LogReading {
  static func run(_ cluster: TestCluster) throws {
    func log(_ arguments: String...) -> CommandResult {
      cluster.shell.run([cluster.binary, "log"] + arguments + ["--config", cluster.configuration])
    }
    let list = log("list", "--object", "deployments/demo/web")
    list.expect(
      "REVISION", "kubernetes-admin (kubectl", "deployments/demo/web", "spec.replicas 3→6")
    log("list", "--user", "kubernetes-admin", "--since", "1h").expect("namespaces/demo")
    log("list", "--kind", "Pod", "-o", "wide").expect("pods/demo/web-")
    let json = log("list", "--object", "deployments/demo/web", "-o", "json")
    let lines = json.output.split(separator: "\n")
    let first = try #require(
      try JSONSerialization.jsonObject(with: Data((lines.first ?? "").utf8)) as? [String: Any])
    #expect(first["verb"] as? String == "create")
    let creation = try #require(first["revision"] as? Int)

    let scaled = try #require(
      lines.first { $0.contains("spec.replicas 3→6") }.flatMap {
        try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      })
    let revision = try #require(scaled["revision"] as? Int)
    log("show", String(revision)).expect("kubernetes-admin", "-   replicas: 3", "+   replicas: 6")

    let pod = cluster.kubectl(
      "get", "pods", "-n", "demo", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"
    ).output
    let why = log("why", "pods/demo/\(pod)")
    why.expect("kubelet", "replicaset-controller", "deployment-controller", "kubernetes-admin")

    // The cluster as it was at the first version of the Deployment: no pods yet; and after
    // scaling up there were six.
    log("at", String(creation), "get", "pods", "-n", "demo").expect("No resources found")
    log("at", String(creation), "get", "deployments", "-n", "demo").expect("web", "0/3")
    log("at", String(revision), "get", "deploy", "web", "-n", "demo", "-o", "yaml").expect(
      "replicas: 6")
    log("at", String(revision), "get", "pods", "-n", "demo", "-o", "wide").expect(
      "NAME", "NODE", "Running")
    log("verify").expect("ok")
    log("stats").expect("events", "kubernetes-admin")
    log("show", "999999999").expect("revision", status: 1)
    log("list", "--since", "yesterday-ish").expect("--since", status: 64)

    // --follow shows what comes.
    let follow = cluster.root + "/follow.txt"
    let process = try ChildProcess.start(
      [
        cluster.binary, "log", "list", "--follow", "--object", "configmaps/default/followed",
        "--config", cluster.configuration,
      ], .init(output: .appended(toFile: follow), environment: cluster.shell.environment))
    defer { process.terminateAndWait() }
    cluster.kubectl("create", "configmap", "followed").expect("created")
    Shell().until(["cat", follow]) { $0.output.contains("configmaps/default/followed") }.expect(
      "configmaps/default/followed")
  }
}

enum StoppedFolder {
  static func run(_ cluster: TestCluster) throws {
    cluster.shell.run([cluster.binary, "down", "--config", cluster.configuration]).expect()
    // Servers end by themselves when they are told to: none had to be killed.
    let supervisor = try String(
      contentsOfFile: cluster.home + "/logs/supervisor.log", encoding: .utf8)
    for name in ["server-1", "server-2", "server-3", "endpoint"] {
      #expect(supervisor.contains("\(name): stopped (exited with 0)"), "\(supervisor)")
    }
    let folder = cluster.home + "/server-1"
    func log(_ arguments: String...) -> CommandResult {
      cluster.shell.run([cluster.binary, "log"] + arguments + ["--data", folder])
    }
    log("list", "--object", "namespaces/demo").expect("namespaces/demo", "kubernetes-admin")
    log("verify").expect("ok")
    log("stats").expect("events")

    // Without its SQLite database the folder still tells everything.
    for file in try FileManager.default.contentsOfDirectory(atPath: folder)
    where file.hasPrefix("projection") {
      try FileManager.default.removeItem(atPath: "\(folder)/\(file)")
    }
    log("list", "--object", "namespaces/demo").expect("namespaces/demo", "kubernetes-admin")

    // A flipped bit in the middle of a segment is found, and named by its byte.
    let segment = try #require(
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted().first {
        $0.hasSuffix(".seg")
      } ?? FileManager.default.subpaths(atPath: folder)?.sorted().first { $0.hasSuffix(".seg") })
    let path = "\(folder)/\(segment)"
    let original = try Data(contentsOf: URL(fileURLWithPath: path))
    var damaged = original
    damaged[damaged.count / 3] ^= 0x10
    try damaged.write(to: URL(fileURLWithPath: path))
    let verify = log("verify")
    verify.expect((segment as NSString).lastPathComponent, status: 1)
    // The server doesn't touch it, says what it found, and waits for its peers until it is ended.
    let server = cluster.taffrail(
      "server", "--config", cluster.configuration, "--id", "1", timeoutSeconds: 10)
    #expect(server.status != 0, "\(server)")
    server.expect((segment as NSString).lastPathComponent, status: server.status)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == damaged)
    try original.write(to: URL(fileURLWithPath: path))

    // Everything comes back from the log alone.
    let up = cluster.up()
    #expect(up.status == 0, "\(up)")
    cluster.kubectl("get", "configmap", "followed").expect("followed")
  }
}
