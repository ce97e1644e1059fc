import EventLog
import Testing

@testable import StoreSimulation

@Suite struct SimulatedDiskTests {
  private func contents(_ disk: SimulatedDisk, _ name: String) -> [UInt8]? {
    try? disk.read(name, at: 0, count: 1_000_000)
  }

  /// What a power loss leaves of `prepare`'s work, over many tries.
  private func outcomes(_ prepare: (SimulatedDisk) throws -> Void) throws -> Set<[UInt8]?> {
    var found: Set<[UInt8]?> = []
    for seed in 0..<200 {
      let disk = SimulatedDisk()
      try prepare(disk)
      var random = SimulationRandom(seed: UInt64(seed))
      disk.losePower(&random)
      found.insert(contents(disk, "a"))
    }
    return found
  }

  @Test func whatWasSyncedStays() throws {
    let found = try outcomes { disk in
      try disk.append([1, 2, 3], to: "a")
      try disk.sync("a")
      try disk.syncDirectory()
    }
    #expect(found == [[1, 2, 3]])
  }

  @Test func whatWasNotSyncedIsThereTornOrLost() throws {
    let found = try outcomes { disk in
      try disk.append([1], to: "a")
      try disk.sync("a")
      try disk.syncDirectory()
      try disk.append([2, 3], to: "a")
    }
    #expect(found.isSuperset(of: [[1], [1, 2], [1, 2, 3], [1, 0, 0]]))
    #expect(found.allSatisfy { $0?.first == 1 })
  }

  @Test func aFileNeedsItsDirectorySynced() throws {
    let found = try outcomes { disk in
      try disk.append([1], to: "a")
      try disk.sync("a")
    }
    #expect(found == [nil, [1]])
  }

  @Test func aTruncationMayComeUndone() throws {
    let found = try outcomes { disk in
      try disk.append([1, 2, 3], to: "a")
      try disk.sync("a")
      try disk.syncDirectory()
      try disk.truncate("a", to: 1)
    }
    #expect(found == [[1, 2, 3], [1]])
  }

  @Test func aRenameIsWholeOrNotAtAll() throws {
    let found = try outcomes { disk in
      try disk.append([1], to: "a")
      try disk.append([2], to: "b")
      try disk.sync("a")
      try disk.sync("b")
      try disk.syncDirectory()
      try disk.rename("b", to: "a")
    }
    #expect(found == [[1], [2]])
  }

  @Test func thePowerFailsAtTheCallThatWasChosen() throws {
    let disk = SimulatedDisk()
    disk.callsUntilPowerLoss = 2
    try disk.append([1], to: "a")
    #expect(throws: DiskError.self) { try disk.sync("a") }
    #expect(throws: DiskError.self) { try disk.append([2], to: "a") }
    #expect(disk.isWithoutPower)
  }

  @Test func aBadSectorIsAnErrorOfTheDisk() throws {
    let disk = SimulatedDisk()
    try disk.append([1], to: "a")
    disk.files["a"]?.isUnreadable = true
    #expect(throws: DiskError.self) { try disk.read("a", at: 0, count: 1) }
    let copy = disk.copy()
    #expect(throws: DiskError.self) { try copy.read("a", at: 0, count: 1) }
    disk.destroy("a")
    var random = SimulationRandom(seed: 1)
    disk.losePower(&random)
    #expect(contents(disk, "a") == nil)
  }
}
