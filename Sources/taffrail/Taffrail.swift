import ArgumentParser

@main
struct Taffrail: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "taffrail",
    abstract: "A Kubernetes control plane and node agent on a replicated event log.",
    discussion: """
      `taffrail up` starts the cluster that cluster.conf describes on this machine; kubectl drives \
      it through the kubeconfig that it prints. `taffrail log` reads what happened, `taffrail \
      cluster` looks at the replicas.
      """,
    version: "taffrail 0.1.0 (Kubernetes 1.36)",
    subcommands: [
      UpCommand.self, DownCommand.self, SuperviseCommand.self, EndpointCommand.self,
      ServerCommand.self, ClusterCommand.self, LogCommand.self, BackupCommand.self,
      BenchCommand.self, FuzzCommand.self,
      SimulateCommand.self, TortureCommand.self, FuzzStoreCommand.self, KubeletCommand.self,
    ])
}
