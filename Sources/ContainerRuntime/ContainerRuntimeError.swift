import GRPCCore

/// A call to the container runtime that failed.
public struct ContainerRuntimeError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: Sendable, Hashable {
    case notFound
    case alreadyExists
    /// The call took longer than its timeout; what it asked for may still happen.
    case deadlineExceeded
    /// The runtime does not answer on its socket.
    case unavailable
    case cancelled
    case other
  }

  public var code: Code
  /// The call, e.g. `RunPodSandbox`.
  public var operation: String
  public var message: String

  public init(code: Code, operation: String, message: String) {
    self.code = code
    self.operation = operation
    self.message = message
  }

  init(_ error: any Error, operation: String) {
    self.operation = operation
    guard let error = error as? RPCError else {
      code = error is CancellationError ? .cancelled : .other
      message = "\(error)"
      return
    }
    message = error.message
    switch error.code {
    case .notFound: code = .notFound
    case .alreadyExists: code = .alreadyExists
    case .deadlineExceeded: code = .deadlineExceeded
    case .unavailable: code = .unavailable
    case .cancelled: code = .cancelled
    default:
      // containerd answers `unknown` where the cause is only in the text.
      code =
        message.contains("not found") || message.contains("does not exist") ? .notFound : .other
    }
  }

  public var description: String { "\(operation): \(message)" }
}
