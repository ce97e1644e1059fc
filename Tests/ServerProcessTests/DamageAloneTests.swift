import Foundation
import Testing

/// A server without peers whose files were damaged while it was stopped: it starts with all that
/// was acknowledged, or refuses, names what is wrong, and touches nothing.
struct DamageAloneTests {
  /// A stopped server's folder with what was written to it.
  private func stopped() async throws -> (folder: TestFolder, data: String, Acknowledged) {
    let folder = try TestFolder()
    let server = try await Standalone.start(folder.path + "/data")
    var written = Acknowledged()
    try await written.write(8, to: server.client, bytes: 20_000)
    try await server.process.stop().expect(status: 0)
    return (folder, server.data, written)
  }

  /// Starts it, and sees that everything is there and more is taken.
  private func expectWhole(_ data: String, _ written: Acknowledged, says text: String = "")
    async throws
  {
    var written = written
    let server = try await Standalone.start(data)
    if !text.isEmpty { #expect(server.process.output.contains(text), "\(server.process.output)") }
    try await written.expectAll(from: server.client)
    try await written.write(1, to: server.client)
    try await server.process.stop().expect(status: 0)
    let again = try await Standalone.start(data)
    try await written.expectAll(from: again.client)
    try await again.process.stop().expect(status: 0)
  }

  /// Starts it, and sees that it refuses for `reasons` and leaves the log as it is.
  private func expectRefusal(_ data: String, _ reasons: String...) async throws {
    let log = data + "/store/log"
    let before = TestFolder.contents(log, except: ["lock"])
    let end = try await ServerProcess(Standalone.arguments(data)).ended()
    end.expect(
      "the log in \(log) has lost entries", "Nothing was changed",
      "This replica has no peers that could give it back: restore it from a backup")
    for reason in reasons {
      #expect(end.output.contains(reason), "no “\(reason)” from what \(end)")
    }
    #expect(!end.output.contains("Usage:"))
    #expect(TestFolder.contents(log, except: ["lock"]) == before)
  }

  @Test func aTornLastRecordIsCutOff() async throws {
    let (folder, data, written) = try await stopped()
    // One more write is torn, as by a crash before it was synced and acknowledged: so the database
    // doesn't have it either.
    let server = try await Standalone.start(data)
    var torn = Acknowledged()
    try await torn.write(1, to: server.client)
    try await server.process.stop().expect(status: 0)
    let files = DamagedFiles(folder: data + "/store")
    try files.removeDatabase()
    try files.cutLastRecord()
    try await expectWhole(
      data, written, says: "an unsynced write that a crash interrupted was cut from the log")
    withExtendedLifetime(folder) {}
  }

  /// What the database has proves that the record was once whole.
  @Test func aCutRecordThatWasAcknowledgedIsDamage() async throws {
    let (folder, data, written) = try await stopped()
    let files = DamagedFiles(folder: data + "/store")
    let segment = try files.segment()
    let whole = try Data(contentsOf: URL(fileURLWithPath: segment))
    try files.cutLastRecord()
    try await expectRefusal(
      data, URL(fileURLWithPath: segment).lastPathComponent + " is damaged at byte ",
      "a block ends early")
    try whole.write(to: URL(fileURLWithPath: segment))
    try await expectWhole(data, written)
    withExtendedLifetime(folder) {}
  }

  @Test func aFlippedBitIsNamedBySegmentAndByte() async throws {
    let (folder, data, written) = try await stopped()
    let files = DamagedFiles(folder: data + "/store")
    let segment = URL(fileURLWithPath: try files.segment()).lastPathComponent
    try files.flipBit()
    try await expectRefusal(data, "\(segment) is damaged at byte ", "checksum is wrong")
    let verified = try await ServerProcess(["log", "verify", "--data", files.folder]).ended()
    verified.expect("\(segment), byte ", "checksum is wrong", "damaged")
    try files.flipBit()
    try await expectWhole(data, written)
    withExtendedLifetime(folder) {}
  }

  @Test func aMissingSegmentIsNamed() async throws {
    let (folder, data, written) = try await stopped()
    let files = DamagedFiles(folder: data + "/store")
    let segment = try files.segment()
    let aside = folder.path + "/aside.seg"
    try FileManager.default.moveItem(atPath: segment, toPath: aside)
    try await expectRefusal(
      data, URL(fileURLWithPath: segment).lastPathComponent + " is missing")
    try FileManager.default.moveItem(atPath: aside, toPath: segment)
    try await expectWhole(data, written)
  }

  @Test func aDeletedDatabaseIsMadeAgain() async throws {
    let (folder, data, written) = try await stopped()
    try DamagedFiles(folder: data + "/store").removeDatabase()
    try await expectWhole(data, written, says: "the projection is made again, from the log")
    withExtendedLifetime(folder) {}
  }

  @Test func aCutDatabaseIsSetAsideAndMadeAgain() async throws {
    let (folder, data, written) = try await stopped()
    try DamagedFiles(folder: data + "/store").cutDatabase()
    try await expectWhole(
      data, written, says: "was moved to \(data)/store/projection.sqlite.damaged")
    #expect(
      FileManager.default.fileExists(atPath: data + "/store/projection.sqlite.damaged-1"))
    withExtendedLifetime(folder) {}
  }

  /// Killed in the middle of writes, it has what it acknowledged.
  @Test func aKilledServerHasWhatItAcknowledged() async throws {
    let folder = try TestFolder()
    let server = try await Standalone.start(folder.path + "/data")
    var written = Acknowledged()
    for _ in 0..<20 { try await written.write(1, to: server.client, bytes: 2_000) }
    server.process.signal(SIGKILL)
    _ = try await server.process.ended()
    try await expectWhole(server.data, written)
  }
}
