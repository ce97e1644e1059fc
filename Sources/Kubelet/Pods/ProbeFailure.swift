import Foundation
import NIOCore
import NIOPosix

/// What an event of a pod says of a probe that reached nobody, in the words that those who read
/// such events look for.
enum ProbeFailure {
  static func text(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      // One attempt per address; a probe has one.
      return error.connectionErrors.first.map { text($0.error) } ?? "no address to connect to"
    case let error as IOError:
      return "connect: \(String(cString: strerror(error.errnoCode)).lowercased())"
    case ChannelError.connectTimeout: return "i/o timeout"
    case ChannelError.eof, ChannelError.ioOnClosedChannel: return "EOF"
    default: return "\(error)"
    }
  }
}
