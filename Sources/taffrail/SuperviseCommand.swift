import ArgumentParser
import ClusterConfiguration
import LocalCluster

struct SuperviseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "supervise",
    abstract: "Keep the cluster's processes running until told to stop (SIGTERM).",
    discussion: "`taffrail up` starts it in the background; its log is logs/supervisor.log.")

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var logFormat: LogFormatOptions

  func run() async throws {
    logFormat.apply()
    let (configuration, home) = try options.load()
    try home.prepare()
    let plan = ClusterPlan(
      configuration: configuration, home: home,
      pki: try ClusterPKI.ensure(configuration: configuration, home: home),
      executable: ClusterPlan.ownExecutable(),
      runsContainers: NodeRequirements.missing().isEmpty)
    try await SupervisorRun.run(plan: plan) { await Signals.waitForStop() }
  }
}
