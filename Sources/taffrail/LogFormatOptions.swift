import ArgumentParser
import ClusterTools
import Foundation
import Logging

/// How a process writes its own log. What `taffrail up` starts takes it from the environment.
struct LogFormatOptions: ParsableArguments {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  static let variable = "TAFFRAIL_LOG_FORMAT"

  @Option(
    name: .long,
    help: "text, or json: one object a line. TAFFRAIL_LOG_FORMAT says it for all processes.")
  var logFormat: Format?

  /// Before the first logger is made.
  func apply() {
    let format =
      logFormat ?? ProcessInfo.processInfo.environment[Self.variable].flatMap(Format.init)
    guard format == .json else { return }
    LoggingSystem.bootstrap { JSONLogHandler(component: $0) }
  }
}
