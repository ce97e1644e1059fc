import Foundation
import Testing

/// Everything a user does with a cluster, in the order in which one would, on one cluster: real
/// processes, real containers, real kubectl.
@Suite(.serialized)
struct ClusterTests {
  static var hasRuntime: Bool {
    getuid() == 0
      && ["containerd", "runc", "nft", "ip", "kubectl"].allSatisfy {
        Shell().run(["which", $0]).status == 0
      }
  }

  @Test(
    .enabled(
      if: hasRuntime,
      "needs root, containerd, runc, nft, ip and kubectl: run tools/test as root"),
    .timeLimit(.minutes(30)))
  func mainJob() throws {
    let cluster = try TestCluster()
    defer {
      let result = cluster.down()
      #expect(result.status == 0, "\(result)")
    }
    let up = cluster.up()
    try #require(up.status == 0, "\(up)")
    print("up:\n\(up.output)")
    let steps: [(String, (TestCluster) throws -> Void)] = [
      ("discovery and nodes", Discovery.run),
      ("a deployment with a service", Workload.run),
      ("edits, selectors and output", Edits.run),
      ("every kubectl there is", Versions.run),
      ("losing the leader", LeaderLoss.run),
      ("reading the log", LogReading.run),
      ("bad requests", BadRequests.run),
      ("removing a namespace", Removal.run),
      ("losing all servers", TotalLoss.run),
      ("a stopped replica's folder", StoppedFolder.run),
    ]
    for (name, step) in steps {
      let start = Date()
      try step(cluster)
      print("step: \(name), \(Int(Date().timeIntervalSince(start) * 1000)) ms")
    }
  }
}

enum Discovery {
  static func run(_ cluster: TestCluster) throws {
    cluster.kubectl("version").expect("Server Version: v1.36")
    cluster.kubectl("cluster-info").expect("is running at")
    cluster.kubectl("api-resources").expect(
      "pods", "deployments", "deploy", "endpointslices", "leases")
    cluster.kubectl("get", "--raw", "/readyz?verbose").expect("[+]ping ok", "readyz check passed")
    let nodes = cluster.kubectlUntil("get", "nodes", "-o", "wide") {
      $0.output.components(separatedBy: " Ready ").count == 3
    }
    nodes.expect("worker-1", "worker-2", "Ready", "containerd://")
    cluster.kubectl("explain", "deployment.spec.replicas").expect("replicas")
    // Running up again changes nothing.
    let before = try cluster.serverProcesses()
    #expect(cluster.up().status == 0)
    #expect(try cluster.serverProcesses() == before)
  }
}

enum Workload {
  static let demo = ["-n", "demo"]

  static func run(_ cluster: TestCluster) throws {
    cluster.kubectl("apply", "-f", cluster.repository + "/Docs/examples/web.yaml").expect(
      "namespace/demo created", "deployment.apps/web created", "service/web created")
    cluster.kubectl(
      "rollout", "status", "deployment/web", "-n", "demo", "--timeout=90s", timeoutSeconds: 100
    ).expect("successfully rolled out")
    let pods = cluster.kubectl("get", "pods", "-n", "demo", "-o", "wide")
    pods.expect("1/1", "Running", "10.245.", "worker-1", "worker-2")
    let name = try #require(pods.output.split(separator: "\n").dropFirst().first).prefix {
      $0 != " "
    }
    cluster.kubectl("describe", "pod", String(name), "-n", "demo").expect(
      "Scheduled", "Pulled", "Created", "Started", "PodScheduled", "of config map 'web'")
    cluster.kubectl("logs", String(name), "-n", "demo").expect("serving as \(name)")
    // -f is cut off by its time limit: it follows until then, and prints what there was.
    cluster.shell.run(
      ["timeout", "3", "kubectl", "logs", "-f", String(name), "-n", "demo"]
    ).expect("serving as \(name)", status: 124)
    let exec = cluster.kubectl("exec", String(name), "-n", "demo", "--", "true")
    #expect(exec.status != 0 && exec.errors.contains("exec"), "\(exec)")

    try service(cluster)
    try scaling(cluster)
    try healing(cluster)
    try rolling(cluster)
  }

  static func service(_ cluster: TestCluster) throws {
    let address = cluster.kubectl(
      "get", "service", "web", "-n", "demo", "-o", "jsonpath={.spec.clusterIP}"
    ).output
    #expect(address.hasPrefix("10.97."))
    let fetch = ["timeout", "3", "busybox", "wget", "-qO-", "http://\(address)/"]
    func answers(_ prefix: [String]) -> Set<String> {
      var seen: Set<String> = []
      _ = cluster.shell.until(prefix + fetch, timeoutSeconds: 30) { result in
        if result.status == 0 { seen.insert(result.output) }
        return seen.count == 3
      }
      return seen
    }
    #expect(answers([]).count == 3, "from the host, all three pods answer")
    let namespaces = cluster.shell.run(["ip", "netns", "list"]).output
    for node in ["worker-1", "worker-2"] {
      let name = try #require(
        namespaces.split(separator: "\n").map { $0.prefix { $0 != " " } }.first {
          $0.hasSuffix(node) && isOfCluster(String($0), cluster)
        }, "no namespace of \(node) in \(namespaces)")
      #expect(
        answers(["nsenter", "--net=/var/run/netns/\(name)"]).count == 3, "from node \(node)")
    }
    cluster.kubectl(
      "run", "client", "-n", "demo", "--image=taffrail/busybox:1", "--restart=Never",
      "--command", "--", "sh", "-c",
      "i=0; while [ $i -lt 30 ]; do timeout 3 wget -qO- http://\(address)/; i=$((i+1)); done"
    ).expect("pod/client created")
    cluster.kubectlUntil(
      "get", "pod", "client", "-n", "demo", "-o", "jsonpath={.status.phase}", timeoutSeconds: 90
    ) { $0.output == "Succeeded" }.expect("Succeeded")
    let log = cluster.kubectl("logs", "client", "-n", "demo").output
    #expect(Set(log.split(separator: "\n")).count == 3, "from a pod:\n\(log)")
    cluster.kubectl("delete", "pod", "client", "-n", "demo").expect("deleted")
  }

  /// Other clusters may live on this machine: ours are the namespaces in its node folders.
  static func isOfCluster(_ namespace: String, _ cluster: TestCluster) -> Bool {
    let addresses = cluster.shell.run([
      "nsenter", "--net=/var/run/netns/\(namespace)", "ip", "-4", "addr",
    ]).output
    return addresses.contains("172.29.67.")
  }

  static func ready(_ cluster: TestCluster, _ count: Int) {
    cluster.kubectlUntil(
      "get", "deployment", "web", "-n", "demo", "-o",
      "jsonpath={.status.replicas}/{.status.readyReplicas}/{.status.updatedReplicas}",
      timeoutSeconds: 90
    ) { $0.output == "\(count)/\(count)/\(count)" }.expect("\(count)/\(count)/\(count)")
  }

  static func scaling(_ cluster: TestCluster) throws {
    cluster.kubectl("scale", "deployment/web", "-n", "demo", "--replicas=6").expect("scaled")
    ready(cluster, 6)
    cluster.kubectl("scale", "deployment/web", "-n", "demo", "--replicas=2").expect("scaled")
    ready(cluster, 2)
    cluster.kubectlUntil("get", "pods", "-n", "demo", "-l", "app=web", "-o", "name") {
      $0.output.split(separator: "\n").count == 2
    }.expect("pod/web-")
  }

  static func healing(_ cluster: TestCluster) throws {
    let jsonpath = "jsonpath={.items[0].metadata.name}"
    let first = cluster.kubectl("get", "pods", "-n", "demo", "-l", "app=web", "-o", jsonpath).output
    cluster.kubectl("delete", "pod", first, "-n", "demo").expect("deleted")
    ready(cluster, 2)
    #expect(
      !cluster.kubectl("get", "pods", "-n", "demo", "-o", "name").output.contains(first))
    // The container's process, killed from outside, is started again by its kubelet.
    let victim = cluster.kubectl("get", "pods", "-n", "demo", "-l", "app=web", "-o", jsonpath)
      .output
    let uid = cluster.kubectl(
      "get", "pod", victim, "-n", "demo", "-o", "jsonpath={.metadata.uid}"
    ).output
    let processes = cluster.shell.run([
      "sh", "-c",
      "for p in /proc/[0-9]*; do if grep -q 'httpd' $p/cmdline 2>/dev/null"
        + " && grep -aq 'POD=\(victim)' $p/environ 2>/dev/null; then echo ${p#/proc/}; fi; done",
    ])
    let pid = try #require(Int32(processes.output.split(separator: "\n").first ?? ""), "\(uid)")
    #expect(kill(pid, SIGKILL) == 0)
    cluster.kubectlUntil(
      "get", "pod", victim, "-n", "demo", "-o",
      "jsonpath={.status.containerStatuses[0].restartCount}/{.status.containerStatuses[0].ready}",
      timeoutSeconds: 60
    ) { $0.output == "1/true" }.expect("1/true")
  }

  static func rolling(_ cluster: TestCluster) throws {
    cluster.kubectl("set", "env", "deployment/web", "-n", "demo", "EXTRA=moin").expect("updated")
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "demo", "--timeout=90s").expect(
      "successfully rolled out")
    ready(cluster, 2)
    cluster.kubectl(
      "set", "image", "deployment/web", "-n", "demo", "web=taffrail/busybox:2"
    ).expect("image updated")
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "demo", "--timeout=90s").expect(
      "successfully rolled out")
    cluster.kubectl(
      "get", "pods", "-n", "demo", "-l", "app=web", "--field-selector=status.phase=Running", "-o",
      "jsonpath={.items[*].spec.containers[0].image}"
    ).expect("taffrail/busybox:2")
    cluster.kubectl("rollout", "history", "deployment/web", "-n", "demo").expect("REVISION")
    cluster.kubectl("rollout", "undo", "deployment/web", "-n", "demo").expect("rolled back")
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "demo", "--timeout=90s").expect(
      "successfully rolled out")
    cluster.kubectl(
      "get", "deployment", "web", "-n", "demo", "-o",
      "jsonpath={.spec.template.spec.containers[0].image}"
    ).expect("taffrail/busybox:1")
    ready(cluster, 2)
  }
}
