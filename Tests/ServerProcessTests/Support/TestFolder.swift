import Foundation
import Glibc

/// A folder of its own, removed at the end.
final class TestFolder: Sendable {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory.path + "/taffrail-process-"
      + UUID().uuidString.prefix(8).lowercased()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Every file below `folder` with its bytes, to see that nothing was touched; `except` the files
  /// that say which process holds the folder.
  static func contents(_ folder: String, except: Set<String> = []) -> [String: Data] {
    var found: [String: Data] = [:]
    for name in FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String }) ?? []
    where !except.contains(name) {
      found[name] = FileManager.default.contents(atPath: folder + "/" + name)
    }
    return found
  }
}

/// Ports of 127.0.0.1 that nobody listens on.
enum FreePorts {
  struct None: Error {}

  /// Below the range that the kernel gives to outgoing connections, which could take one in
  /// between; at random, since other tests look for some at the same time.
  private static let range = 20_000..<32_000

  static func find(_ count: Int) throws -> [Int] {
    var found: Set<Int> = []
    for _ in 0..<1_000 where found.count < count {
      let port = Int.random(in: range)
      if (try? HeldPort(port)) != nil { found.insert(port) }
    }
    guard found.count == count else { throw None() }
    return found.sorted()
  }
}

/// A port on which this process listens.
final class HeldPort: Sendable {
  let port: Int
  private let descriptor: Int32

  init(_ wanted: Int) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    name.sin_port = UInt16(wanted).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafePointer(to: name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0
      }
    }
    guard isBound, listen(descriptor, 1) == 0 else {
      close(descriptor)
      throw FreePorts.None()
    }
    self.descriptor = descriptor
    port = wanted
  }

  deinit { close(descriptor) }
}
