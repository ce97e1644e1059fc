/// What one client asked for and was told, and when.
///
/// Times are of one clock for all clients, in any unit.
public struct Operation<Input: Sendable, Output: Sendable>: Sendable {
  public var client: Int
  public var called: Int64
  /// `nil`: no answer came, or one that leaves the outcome open. The operation may have taken effect
  /// at any time after the call, or never.
  public var returned: Int64?
  public var input: Input
  /// Of an operation that returned.
  public var output: Output?

  public init(
    client: Int, called: Int64, returned: Int64?, input: Input, output: Output?
  ) {
    self.client = client
    self.called = called
    self.returned = returned
    self.input = input
    self.output = output
  }
}

/// What an object does when operations come one after the other.
public protocol SequentialModel: Sendable {
  associatedtype State: Hashable & Sendable
  associatedtype Input: Sendable
  associatedtype Output: Sendable

  var initial: State { get }

  /// The state after the operation, or `nil` where it can't have had that outcome in `state`.
  ///
  /// - Parameter output: `nil`: unknown; asked only whether the operation can have taken effect.
  func step(_ state: State, _ input: Input, _ output: Output?) -> State?
}
