import Foundation
import Testing

/// Older and newer kubectls, as far as they lie beside the one in use: each asks in its own way.
enum Versions {
  static func run(_ cluster: TestCluster) throws {
    let editor = cluster.root + "/editor.sh"
    try "#!/bin/sh\nsed -i 's/a: \"1\"/a: \"2\"/' \"$1\"\n".write(
      toFile: editor, atomically: true, encoding: .utf8)
    for kubectl in others(cluster.shell) {
      func run(_ arguments: String..., environment: [String: String] = [:]) -> CommandResult {
        var shell = cluster.shell
        shell.environment.merge(environment) { $1 }
        return shell.run([kubectl] + arguments)
      }
      run("version").expect("v1.36")
      let file = cluster.repository + "/Docs/examples/web.yaml"
      run("apply", "-f", file).expect("deployment.apps/web", "service/web unchanged")
      run("diff", "-f", file).expect()
      run("get", "pods", "-n", "demo", "-o", "wide").expect("Running", "NODE")
      run("explain", "deployment.spec.strategy").expect("strategy")
      run("auth", "can-i", "create", "pods").expect("yes")
      run("create", "configmap", "versions", "-n", "demo", "--from-literal=a=1").expect("created")
      run(
        "edit", "configmap", "versions", "-n", "demo",
        environment: ["KUBE_EDITOR": "sh \(editor)"]
      ).expect("edited")
      run("get", "configmap", "versions", "-n", "demo", "-o", "jsonpath={.data.a}").expect("2")
      run("describe", "deployment", "web", "-n", "demo").expect("RollingUpdate", "Events:")
      run("delete", "configmap", "versions", "-n", "demo").expect("deleted")
    }
  }

  private static func others(_ shell: Shell) -> [String] {
    let found = shell.run(["sh", "-c", "readlink -f \"$(command -v kubectl)\""]).output
    let folder = (found.trimmingCharacters(in: .whitespacesAndNewlines) as NSString)
      .deletingLastPathComponent
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix("kubectl.1.") }.sorted().map { "\(folder)/\($0)" }
  }
}
