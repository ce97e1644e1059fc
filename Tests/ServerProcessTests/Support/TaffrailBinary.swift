import Foundation

struct MissingBinary: Error, CustomStringConvertible {
  var path: String
  var description: String {
    "there is no program taffrail at \(path): build it with `swift build --product taffrail`, or "
      + "set TAFFRAIL_BINARY to where it is"
  }
}

/// The program under test: what TAFFRAIL_BINARY names, else what was built beside the tests.
enum TaffrailBinary {
  static func path() throws -> String {
    let named = ProcessInfo.processInfo.environment["TAFFRAIL_BINARY"] ?? ""
    let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let path =
      named.isEmpty
      ? URL(fileURLWithPath: tests).deletingLastPathComponent().path + "/taffrail" : named
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw MissingBinary(path: path)
    }
    return path
  }
}
