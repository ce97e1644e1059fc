/// A failure in the cluster's folder: a file that can't be read or written, or damaged keys.
public struct HomeError: Error, Hashable, CustomStringConvertible {
  public var path: String
  /// What is wrong and what to do.
  public var message: String

  public init(path: String, message: String) {
    self.path = path
    self.message = message
  }

  public var description: String { "\(path): \(message)" }
}
