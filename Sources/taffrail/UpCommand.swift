import ArgumentParser
import ClusterConfiguration
import LocalCluster

struct UpCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up",
    abstract: "Start the cluster that cluster.conf describes on this machine.",
    discussion: """
      Makes keys, starts the servers, the endpoint and the nodes under a supervisor, and waits \
      until the API answers and the nodes are Ready. Running it again is harmless. `tools/up` also \
      installs what is missing, and builds.
      """)

  @OptionGroup var options: ConfigurationOptions
  @Option(help: "A folder of image archives (*.tar) that every node gets.")
  var images: String?

  func run() async throws {
    let (configuration, home) = try options.load()
    let progress = ProgressReport()
    try await ClusterStart(configuration: configuration, home: home, progress: progress)
      .run(images: images)
    progress.note(
      """

      The cluster \(configuration.name) is ready. Next:

        export KUBECONFIG=\(home.kubeconfig)
        kubectl get nodes -o wide
        \(ClusterPlan.ownExecutable()) cluster status
        tools/down            stops it; tools/down --wipe also removes \(home.path)
      """)
  }
}
