/// What a log tool could not do, as a sentence that says what to do instead.
public struct LogToolError: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}
