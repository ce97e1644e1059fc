import Foundation
import Testing

@testable import EventLog

@Suite struct FileDiskTests {
  static func withFolder(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("event-log-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test func aLogOnFiles() throws {
    try Self.withFolder { path in
      let folder = path + "/deep/log"
      do {
        var log = try EventLog.open(
          disk: try FileDisk(path: folder), options: .small(segmentBytes: 3000))
        for index in 1...50 as ClosedRange<UInt64> {
          try log.append(
            entries(index...index, bytes: 300), vote: LogVote(term: 1, vote: 1, commit: index - 1))
          try log.sync()
        }
        try log.append(entries(50...50, term: 2), vote: LogVote(term: 2, vote: 2, commit: 49))
        try log.removeSegments(before: 10)
        try log.sync()
        #expect(log.segmentCount > 3)
      }
      let reader = try #require(
        try LogReader(disk: try FileDisk(path: folder, access: .readOnly)))
      #expect(reader.lastTerm == 2)
      let log = try EventLog.open(disk: try FileDisk(path: folder), options: .small())
      #expect(log.lastIndex == 50)
      #expect(log.firstIndex > 1)
      #expect(try log.all.last == entries(50...50, term: 2)[0])
      #expect(log.vote == LogVote(term: 2, vote: 2, commit: 49))
      #expect(
        try LogVerifier.verify(disk: try FileDisk(path: folder, access: .readOnly)).isGood)
    }
  }

  @Test func aSecondOneOnTheSameFolderIsRefused() throws {
    try Self.withFolder { path in
      let first = try FileDisk(path: path)
      let failure = #expect(throws: DiskError.self) { try FileDisk(path: path) }
      #expect(failure?.message.contains("in use by process \(getpid())") == true)
      _ = try FileDisk(path: path, access: .readOnly)
      withExtendedLifetime(first) {}
    }
  }

  @Test func theLockEndsWithItsHolder() throws {
    try Self.withFolder { path in
      for _ in 0..<3 { _ = try FileDisk(path: path) }
    }
  }

  @Test func filesBehaveAsTheProtocolSays() throws {
    try Self.withFolder { path in
      let disk = try FileDisk(path: path)
      #expect(try disk.list() == [])
      try disk.append([1, 2, 3], to: "a")
      try disk.append([4, 5], to: "a")
      try disk.sync("a")
      #expect(try disk.size(of: "a") == 5)
      #expect(try disk.read("a", at: 1, count: 3) == [2, 3, 4])
      #expect(try disk.read("a", at: 3, count: 30) == [4, 5])
      #expect(try disk.read("a", at: 9, count: 3) == [])
      try disk.truncate("a", to: 2)
      try disk.append([9], to: "a")
      #expect(try disk.read("a", at: 0, count: 9) == [1, 2, 9])
      try disk.append([7], to: "b")
      try disk.rename("a", to: "b")
      try disk.syncDirectory()
      #expect(try disk.list() == ["b"])
      #expect(try disk.read("b", at: 0, count: 9) == [1, 2, 9])
      try disk.remove("b")
      let missing = #expect(throws: DiskError.self) { try disk.size(of: "b") }
      #expect(missing?.kind == .missing)
      // More files than are kept open.
      for number in 0..<80 { try disk.append([UInt8(number)], to: "f\(number)") }
      for number in 0..<80 {
        #expect(try disk.read("f\(number)", at: 0, count: 2) == [UInt8(number)])
      }
    }
  }

  @Test func aFolderThatIsNotThere() {
    let failure = #expect(throws: DiskError.self) {
      try FileDisk(path: "/nonexistent/log", access: .readOnly)
    }
    #expect(failure?.kind == .missing)
    #expect(throws: DiskError.self) { try FileDisk(path: "/dev/null/log") }
  }
}
