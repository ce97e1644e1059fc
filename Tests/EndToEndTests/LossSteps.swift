import ChildProcesses
import Foundation
import Testing

enum LeaderLoss {
  static func run(_ cluster: TestCluster) throws {
    let status = cluster.taffrail("cluster", "status", "--config", cluster.configuration)
    status.expect("leader", "follower", "REVISION")
    // The step before has changed the pods' template: let that end first.
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "demo", "--timeout=90s").expect(
      "successfully rolled out")
    Workload.ready(cluster, 3)
    cluster.kubectlUntil("get", "pods", "-n", "demo", "-l", "app=web", "-o", "name") {
      $0.output.split(separator: "\n").count == 3
    }.expect("pod/web-")
    let pods = ["get", "pods", "-n", "demo", "-l", "app=web", "-o"]
    let identity =
      "jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{\"\\n\"}{end}"
    let before = cluster.shell.run(["kubectl"] + pods + [identity]).output

    // A loop of kubectl goes on while leaders die: an error must be gone within one second.
    let loop = cluster.root + "/loop.txt"
    let command = [
      "/bin/sh", "-c",
      """
      while [ ! -e \(cluster.root)/stop-loop ]; do
        kubectl get nodes -o name > /dev/null 2>>\(loop) && continue
        sleep 1
        kubectl get nodes -o name > /dev/null 2>>\(loop) || echo FAILED-TWICE >> \(loop)
      done
      """,
    ]
    let script = try ChildProcess.start(command, .init(environment: cluster.shell.environment))
    for _ in 0..<2 {
      let drill = cluster.taffrail(
        "cluster", "kill-leader", "--config", cluster.configuration, timeoutSeconds: 60)
      drill.expect("killed", "new leader", "first write", "caught up", "every acknowledged write")
      print(drill.output)
    }
    _ = FileManager.default.createFile(atPath: cluster.root + "/stop-loop", contents: nil)
    script.wait()
    let errors = (try? String(contentsOfFile: loop, encoding: .utf8)) ?? ""
    #expect(!errors.contains("FAILED-TWICE"), "\(errors)")
    #expect(cluster.shell.run(["kubectl"] + pods + [identity]).output == before)
  }
}

enum TotalLoss {
  static func run(_ cluster: TestCluster) throws {
    // Writes go on until every server is dead; what was acknowledged must be there afterwards.
    let acknowledged = cluster.root + "/acknowledged.txt"
    let command = [
      "/bin/sh", "-c",
      """
      i=0
      while [ ! -e \(cluster.root)/stop-writer ]; do
        kubectl create configmap loss-$i --from-literal=i=$i > /dev/null 2>&1 \
          && echo loss-$i >> \(acknowledged)
        i=$((i+1))
      done
      """,
    ]
    let writer = try ChildProcess.start(command, .init(environment: cluster.shell.environment))
    _ = Shell().until(["sh", "-c", "wc -l < \(acknowledged) || echo 0"]) {
      (Int($0.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) >= 10
    }
    for (_, process) in try cluster.serverProcesses() { kill(process, SIGKILL) }
    _ = cluster.kubectlUntil("get", "--raw", "/readyz", timeoutSeconds: 30) { $0.output == "ok" }
    _ = FileManager.default.createFile(atPath: cluster.root + "/stop-writer", contents: nil)
    writer.wait()
    let names = try String(contentsOfFile: acknowledged, encoding: .utf8).split(separator: "\n")
    let present = Set(
      cluster.kubectlUntil("get", "configmaps", "-o", "name", timeoutSeconds: 30) {
        $0.status == 0
      }.output.split(separator: "\n").map { $0.dropFirst("configmap/".count) })
    let lost = names.filter { !present.contains($0) }
    #expect(names.count >= 10 && lost.isEmpty, "lost \(lost) of \(names.count)")
    cluster.kubectlUntil("get", "nodes") {
      $0.output.components(separatedBy: " Ready ").count == 3
    }.expect("worker-1")
  }
}
