/// Why the cluster could not be started or stopped, and what to do.
public struct OperationError: Error, CustomStringConvertible {
  public var description: String

  public init(_ description: String) {
    self.description = description
  }
}
