import ChildProcesses
import Foundation
import Testing

enum Edits {
  static func run(_ cluster: TestCluster) throws {
    cluster.kubectl("apply", "-f", cluster.repository + "/Docs/examples/web.yaml").expect(
      "configmap/web unchanged", "service/web unchanged")
    cluster.kubectl("create", "configmap", "edits", "-n", "demo", "--from-literal=a=1").expect(
      "created")

    // A watch shows each of the following changes once.
    let log = cluster.root + "/watch.txt"
    let watch = try ChildProcess.start(
      [
        "kubectl", "get", "configmap", "edits", "-n", "demo", "-w", "-o",
        "jsonpath={.data}{\"\\n\"}",
      ], .init(output: .appended(toFile: log), environment: cluster.shell.environment))
    defer { watch.terminateAndWait() }
    let shell = Shell()
    _ = shell.until(["cat", log]) { $0.output.contains(#"{"a":"1"}"#) }

    cluster.kubectl(
      "patch", "configmap", "edits", "-n", "demo", "--type=merge", "-p", #"{"data":{"b":"2"}}"#
    ).expect("patched")
    cluster.kubectl(
      "patch", "configmap", "edits", "-n", "demo", "--type=json", "-p",
      #"[{"op":"replace","path":"/data/a","value":"3"}]"#
    ).expect("patched")
    cluster.kubectl(
      "patch", "configmap", "edits", "-n", "demo", "--type=strategic", "-p",
      #"{"data":{"b":null}}"#
    ).expect("patched")
    let seen = shell.until(["cat", log]) {
      $0.output.split(separator: "\n").count >= 4
    }
    #expect(
      seen.output.split(separator: "\n").map(String.init) == [
        #"{"a":"1"}"#, #"{"a":"1","b":"2"}"#, #"{"a":"3","b":"2"}"#, #"{"a":"3"}"#,
      ])

    // A strategic merge patch finds the container by its name.
    cluster.kubectl(
      "patch", "deployment", "web", "-n", "demo", "-p",
      #"{"spec":{"template":{"spec":{"containers":[{"name":"web","workingDir":"/tmp"}]}}}}"#
    ).expect("patched")
    cluster.kubectl(
      "get", "deployment", "web", "-n", "demo", "-o",
      "jsonpath={.spec.template.spec.containers[*].image}"
    ).expect("taffrail/busybox:1")
    cluster.kubectl("label", "configmap", "edits", "-n", "demo", "tier=front").expect("labeled")
    cluster.kubectl("annotate", "configmap", "edits", "-n", "demo", "note=x").expect("annotated")
    cluster.kubectl("get", "configmap", "-n", "demo", "-l", "tier=front").expect("edits")
    cluster.kubectl("get", "configmap", "-n", "demo", "-l", "tier!=front", "-o", "name").expect(
      "configmap/web")
    cluster.kubectl(
      "get", "configmap", "-n", "demo", "--field-selector=metadata.name=edits", "-o", "name"
    ).expect("configmap/edits")
    cluster.kubectl("get", "configmap", "edits", "-n", "demo", "-o", "yaml").expect(
      "kind: ConfigMap", "a: \"3\"", "tier: front")
    cluster.kubectl("get", "configmap", "edits", "-n", "demo", "-o", "json").expect(
      #""kind": "ConfigMap""#)
    let editor = cluster.root + "/editor.sh"
    try "#!/bin/sh\nsed -i 's/tier: front/tier: back/' \"$1\"\n".write(
      toFile: editor, atomically: true, encoding: .utf8)
    _ = shell.run(["chmod", "+x", editor])
    var editing = cluster.shell
    editing.environment["KUBE_EDITOR"] = editor
    editing.run(["kubectl", "edit", "configmap", "edits", "-n", "demo"]).expect("edited")
    cluster.kubectl("get", "configmap", "-n", "demo", "-l", "tier=back", "-o", "name").expect(
      "configmap/edits")

    // An update from a stale copy is refused.
    let stale = cluster.kubectl("get", "configmap", "edits", "-n", "demo", "-o", "json").output
    cluster.kubectl("annotate", "configmap", "edits", "-n", "demo", "note=y", "--overwrite")
      .expect("annotated")
    cluster.kubectl("replace", "-f", "-", input: stale).expect(
      "Conflict", "the object has been modified", status: 1)
  }
}

enum BadRequests {
  static func run(_ cluster: TestCluster) throws {
    let before = try cluster.serverProcesses()
    cluster.kubectl(
      "create", "-f", "-", input: "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":"
    ).expect(status: 1)
    cluster.kubectl("get", "--raw", "/apis/none.example.com/v1/things").expect(
      "could not find the requested resource", status: 1)
    cluster.kubectl(
      "create", "--validate=strict", "-f", "-",
      input: """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: odd, namespace: default}
        dta: {a: b}
        """
    ).expect("unknown field \"dta\"", status: 1)
    let large = String(repeating: "x", count: 3_300_000)
    cluster.kubectl(
      "create", "-f", "-",
      input: """
        {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"large","namespace":"default"},
         "data":{"a":"\(large)"}}
        """, timeoutSeconds: 60
    ).expect("too large", status: 1)

    let server = "https://127.0.0.1:16443"
    func curl(_ arguments: String..., path: String) -> CommandResult {
      cluster.shell.run(
        ["curl", "-sk", "--max-time", "10", "-w", "\n%{http_code}"] + arguments + [server + path])
    }
    curl(path: "/api/v1/pods").expect("Unauthorized", "401")
    curl("-H", "Authorization: Bearer nonsense", path: "/api/v1/pods").expect(
      "Unauthorized", "401")
    let home = cluster.home
    curl(
      "--cert", home + "/pki/admin.crt", "--key", home + "/pki/admin.key", "-X", "POST", "-H",
      "Content-Type: application/json", "-d", "{\"kind\":", path: "/api/v1/namespaces"
    ).expect("BadRequest", "400")

    // Garbage on the API port, on the peer ports and through the endpoint.
    for port in [17101, 17102, 17103, 17443, 17444, 17445, 16443] {
      _ = cluster.shell.run(
        [
          "sh", "-c",
          "head -c 200000 /dev/urandom | busybox nc -w 2 127.0.0.1 \(port) | head -c 1000",
        ], timeoutSeconds: 20)
      _ = cluster.shell.run(
        [
          "sh", "-c",
          "printf '\\377\\377\\377\\377\\377\\377\\377\\377GET / HTTP/1.1\\r\\n\\r\\n'"
            + " | busybox nc -w 2 127.0.0.1 \(port) | head -c 1000",
        ], timeoutSeconds: 20)
    }
    cluster.kubectl("get", "--raw", "/readyz").expect("ok")
    #expect(try cluster.serverProcesses() == before, "no server died of bad input")

    // A second process on a server's folder.
    let second = cluster.taffrail(
      "server", "--config", cluster.configuration, "--id", "1", timeoutSeconds: 20)
    #expect(second.status != 0 && second.status != 127, "\(second)")
    #expect(
      second.errors.contains("in use") || second.errors.contains("already")
        || second.errors.contains("another process"), "\(second)")
    #expect(try cluster.serverProcesses() == before)
  }
}

enum Removal {
  static func run(_ cluster: TestCluster) throws {
    cluster.kubectl("delete", "namespace", "demo", "--timeout=90s", timeoutSeconds: 100).expect(
      "deleted")
    cluster.kubectl("get", "pods", "-n", "demo").expect("No resources found")
    // Containers are gone from the nodes too: those of this cluster have its folder among their
    // mounts.
    let left = cluster.shell.until([
      "sh", "-c",
      "for p in $(pgrep -f '[h]ttpd -f -v -p 8080'); do"
        + " if grep -qs '\(cluster.home)' /proc/$p/mountinfo; then echo $p; fi; done",
    ]) { $0.output.isEmpty }
    #expect(left.output.isEmpty, "\(left)")
  }
}
