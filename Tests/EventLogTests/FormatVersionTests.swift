import Testing

@testable import EventLog

/// Files of a later version of the program are refused by name, and left as they are.
@Suite struct FormatVersionTests {
  @Test func anotherVersionsFilesAreRefusedAndLeft() throws {
    let (disk, _) = try DamageTests.make()
    for name in try disk.list() {
      let copy = disk.copy()
      var bytes = copy.bytes(name)
      bytes.setInteger(UInt32(2), at: 8)
      let size = name == LogManifest.name ? bytes.count : SegmentHeader.size
      copy.setBytes(name, ResealedBlock.withChecksum(Array(bytes[..<size])) + bytes[size...])
      let before = copy.bytes(name)
      let error = #expect(throws: LogError.self) { _ = try DamageTests.open(copy) }
      #expect(error == .unknownVersion(file: name, version: 2))
      // A file that is only newer is no damage, which peers would make good.
      #expect(error?.isDamage == false)
      #expect(error?.description.contains("version 2") == true, "\(String(describing: error))")
      #expect(copy.bytes(name) == before)
      #expect(try Set(copy.list()) == Set(disk.list()))
    }
  }
}
