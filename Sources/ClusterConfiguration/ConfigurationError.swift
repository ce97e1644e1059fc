/// Every mistake found in a configuration file, in the order of its lines.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
  public struct Problem: Sendable, Hashable {
    /// From 1; 0 where the file as a whole is meant.
    public var line: Int
    /// The path of the key, such as `servers[1].peerAddress`; empty for the file as a whole.
    public var key: String
    /// What is wrong and what is allowed.
    public var message: String

    public init(line: Int, key: String, message: String) {
      self.line = line
      self.key = key
      self.message = message
    }

    /// `cluster.conf:7: servers[1].peerAddress: …`
    public func text(path: String) -> String {
      let place = line > 0 ? "\(path):\(line)" : path
      return key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
    }
  }

  public var path: String
  public var problems: [Problem]

  public init(path: String, problems: [Problem]) {
    self.path = path
    self.problems = problems
  }

  public var description: String {
    problems.map { $0.text(path: path) }.joined(separator: "\n")
  }
}
