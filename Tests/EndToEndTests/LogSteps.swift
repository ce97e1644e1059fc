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
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c",
      "exec \(cluster.binary) log list --follow --object configmaps/default/followed"
        + " --config \(cluster.configuration) > \(follow) 2>&1",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(cluster.shell.environment) {
      $1
    }
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
    }
    cluster.kubectl("create", "configmap", "followed").expect("created")
    Shell().until(["cat", follow]) { $0.output.contains("configmaps/default/followed") }.expect(
      "configmaps/default/followed")
  }
}
