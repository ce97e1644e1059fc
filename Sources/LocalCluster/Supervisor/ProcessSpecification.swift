/// A process that the supervisor keeps running.
public struct ProcessSpecification: Sendable, Hashable {
  /// What the process is for; stopping goes from the last to the first.
  public enum Stage: Int, Sendable, Hashable, CaseIterable, Comparable {
    case server
    case endpoint
    case containerRuntime
    case nodeAgent

    public static func < (lhs: Stage, rhs: Stage) -> Bool { lhs.rawValue < rhs.rawValue }

    /// How long it may take to end after SIGTERM before it gets SIGKILL.
    public var stopTimeoutMilliseconds: Int64 {
      switch self {
      case .server: 10_000
      case .endpoint: 3_000
      case .containerRuntime: 5_000
      case .nodeAgent: 10_000
      }
    }
  }

  /// Unique; names its log and pid file.
  public var name: String
  public var stage: Stage
  /// The program and its arguments.
  public var command: [String]

  public init(name: String, stage: Stage, command: [String]) {
    precondition(!command.isEmpty)
    self.name = name
    self.stage = stage
    self.command = command
  }

  /// The stage of a process known only by its name, from its pid file.
  public static func stage(ofName name: String) -> Stage {
    if name.hasPrefix("server-") { return .server }
    if name.hasPrefix("containerd-") { return .containerRuntime }
    return name == "endpoint" ? .endpoint : .nodeAgent
  }
}
