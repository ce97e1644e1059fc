import Foundation

/// A folder for one test.
enum TestFolder {
  static func folder() -> String { NSTemporaryDirectory() + "kubelet-\(UUID().uuidString)" }
  static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
  static func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
  }
}
