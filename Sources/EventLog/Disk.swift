/// What a log asks of its disk, so that a simulation can stand in for the real one.
///
/// All calls are synchronous and come from one thread. What was appended is durable only after
/// `sync` of that file returns; a file's creation, removal or renaming only after
/// `syncDirectory`.
public protocol Disk: AnyObject {
  /// Names of the files in the log's directory, in no order.
  func list() throws(DiskError) -> [String]
  func size(of name: String) throws(DiskError) -> Int
  /// Fewer bytes than `count` mean the end of the file.
  func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8]
  /// Creates the file if needed and writes at its end.
  func append(_ bytes: [UInt8], to name: String) throws(DiskError)
  /// Gives back what the disk has set aside beyond the file's end, if it does that; does no harm
  /// where it fails.
  func trim(_ name: String)
  func sync(_ name: String) throws(DiskError)
  func syncDirectory() throws(DiskError)
  func truncate(_ name: String, to size: Int) throws(DiskError)
  func remove(_ name: String) throws(DiskError)
  /// Replaces `target` if it exists.
  func rename(_ name: String, to target: String) throws(DiskError)
}

extension Disk {
  public func trim(_ name: String) {}
}

public struct DiskError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: Sendable, Hashable { case noSpace, input, missing, other }
  public var kind: Kind
  public var operation: String
  public var file: String
  public var message: String

  public init(kind: Kind, operation: String, file: String, message: String) {
    self.kind = kind
    self.operation = operation
    self.file = file
    self.message = message
  }

  public var description: String { "\(operation) \(file): \(message)" }
}
