/// A program to run: what the plans of this module consist of.
public struct Command: Sendable, Hashable, CustomStringConvertible {
  public var arguments: [String]
  /// Fed to its standard input.
  public var input: String
  /// A failure whose output holds one of these texts means that the work is done already.
  public var tolerated: [String]

  public init(_ arguments: [String], input: String = "", tolerated: [String] = []) {
    precondition(!arguments.isEmpty)
    self.arguments = arguments
    self.input = input
    self.tolerated = tolerated
  }

  public var description: String { arguments.joined(separator: " ") }
}

extension Command {
  /// Making what exists already.
  static func making(_ text: String) -> Command {
    Command(text.split(separator: " ").map(String.init), tolerated: ["File exists"])
  }

  /// Removing what is gone already.
  static func removing(_ text: String) -> Command {
    Command(
      text.split(separator: " ").map(String.init),
      tolerated: [
        "Cannot find device", "No such file or directory", "No such process",
        "Cannot open network namespace", "does not exist",
      ])
  }
}
