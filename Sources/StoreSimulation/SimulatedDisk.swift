import EventLog

/// A disk in memory that forgets, as real ones do: what was not synced may be lost, torn or
/// there when the power comes back, and so may files whose directory was not synced.
final class SimulatedDisk: Disk {
  /// Unsynced changes of the directory, in order.
  enum DirectoryChange {
    case create(String, SimulatedFile)
    case remove(String)
    case rename(String, to: String)
  }

  private(set) var files: [String: SimulatedFile] = [:]
  private var durableFiles: [String: SimulatedFile] = [:]
  private var unsynced: [DirectoryChange] = []

  /// Appends find no space.
  var isFull = false
  /// The next sync fails, as with a broken sector.
  var failsNextSync = false
  /// A sync has failed since the power came.
  private(set) var hasFailedSync = false
  /// The power fails at the call after so many that change something: within an operation of the
  /// log, not just between two.
  var callsUntilPowerLoss: Int?
  var isWithoutPower: Bool { callsUntilPowerLoss == 0 }

  func list() throws(DiskError) -> [String] { files.keys.sorted() }

  func size(of name: String) throws(DiskError) -> Int { try file(name, "size").data.count }

  func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    let file = try file(name, "read")
    if file.isUnreadable {
      throw DiskError(kind: .input, operation: "read", file: name, message: "I/O error")
    }
    let data = file.data
    guard offset < data.count else { return [] }
    return Array(data[offset..<min(data.count, offset + count)])
  }

  func append(_ bytes: [UInt8], to name: String) throws(DiskError) {
    try consumePower("append", name)
    if isFull {
      // A part may make it.
      if let file = files[name] { file.data += bytes.prefix(bytes.count / 2) }
      throw DiskError(kind: .noSpace, operation: "append", file: name, message: "disk full")
    }
    if let file = files[name] {
      file.data += bytes
      return
    }
    let file = SimulatedFile()
    file.data = bytes
    change(.create(name, file))
  }

  func sync(_ name: String) throws(DiskError) {
    try consumePower("sync", name)
    if failsNextSync {
      failsNextSync = false
      hasFailedSync = true
      throw DiskError(kind: .input, operation: "sync", file: name, message: "I/O error")
    }
    try file(name, "sync").sync()
  }

  func syncDirectory() throws(DiskError) {
    try consumePower("sync", ".")
    durableFiles = files
    unsynced = []
  }

  func truncate(_ name: String, to size: Int) throws(DiskError) {
    try consumePower("truncate", name)
    try file(name, "truncate").truncate(to: size)
  }

  func remove(_ name: String) throws(DiskError) {
    try consumePower("remove", name)
    _ = try file(name, "remove")
    change(.remove(name))
  }

  func rename(_ name: String, to target: String) throws(DiskError) {
    try consumePower("rename", name)
    _ = try file(name, "rename")
    change(.rename(name, to: target))
  }

  private func file(_ name: String, _ operation: String) throws(DiskError) -> SimulatedFile {
    guard let file = files[name] else {
      throw DiskError(kind: .missing, operation: operation, file: name, message: "no such file")
    }
    return file
  }

  private func consumePower(_ operation: String, _ name: String) throws(DiskError) {
    guard let calls = callsUntilPowerLoss else { return }
    if calls > 0 { callsUntilPowerLoss = calls - 1 }
    if calls <= 1 {
      throw DiskError(kind: .other, operation: operation, file: name, message: "no power")
    }
  }

  private func change(_ change: DirectoryChange) {
    Self.apply(change, to: &files)
    unsynced.append(change)
  }

  private static func apply(_ change: DirectoryChange, to files: inout [String: SimulatedFile]) {
    switch change {
    case .create(let name, let file): files[name] = file
    case .remove(let name): files[name] = nil
    case .rename(let name, let target):
      files[target] = files[name]
      files[name] = nil
    }
  }

  /// The power fails. A journalling file system keeps a beginning of the directory's changes;
  /// each file loses what it loses.
  func losePower(_ random: inout SimulationRandom) {
    var after = durableFiles
    let kept = random.chance(50) ? unsynced.count : random.next(in: 0...unsynced.count)
    for change in unsynced.prefix(kept) { Self.apply(change, to: &after) }
    for name in after.keys.sorted() { after[name]?.losePower(&random) }
    files = after
    durableFiles = after
    unsynced = []
    failsNextSync = false
    hasFailedSync = false
    callsUntilPowerLoss = nil
  }
}

extension SimulatedDisk {
  /// A file is gone, for good.
  func destroy(_ name: String) {
    files[name] = nil
    durableFiles[name] = nil
    unsynced = []
  }

  /// Another disk with the same contents, all of them durable.
  func copy() -> SimulatedDisk {
    let other = SimulatedDisk()
    other.files = files.mapValues { $0.copy() }
    other.durableFiles = other.files
    return other
  }
}

/// A file's bytes, and which of them are durable.
final class SimulatedFile {
  /// What a disk writes whole or not at all.
  static let sectorBytes = 512

  /// A sector of it has gone bad.
  var isUnreadable = false
  var data: [UInt8] = []
  private var syncedLength = 0
  /// What stood after `syncedLength` when it was last synced, cut off since.
  private var cutTail: [UInt8] = []

  func copy() -> SimulatedFile {
    let other = SimulatedFile()
    other.data = data
    other.isUnreadable = isUnreadable
    other.sync()
    return other
  }

  func sync() {
    syncedLength = data.count
    cutTail = []
  }

  func truncate(to size: Int) {
    guard size < data.count else { return }
    if size < syncedLength {
      cutTail = data[size..<syncedLength] + cutTail
      syncedLength = size
    }
    data.removeSubrange(size...)
  }

  func losePower(_ random: inout SimulationRandom) {
    if !cutTail.isEmpty {
      if random.chance(50) { data = data[..<syncedLength] + cutTail }
    } else if data.count > syncedLength {
      loseUnsynced(&random)
    }
    sync()
  }

  private func loseUnsynced(_ random: inout SimulationRandom) {
    switch random.next(in: 0...3) {
    case 0: data.removeSubrange(syncedLength...)
    case 1: break
    case 2: data.removeSubrange(random.next(in: syncedLength...data.count)...)
    default:
      // The size made it, some sectors did not.
      data.removeSubrange(random.next(in: syncedLength...data.count)...)
      var start = syncedLength
      while start < data.count {
        let end = min(data.count, (start / Self.sectorBytes + 1) * Self.sectorBytes)
        if random.chance(50) { for position in start..<end { data[position] = 0 } }
        start = end
      }
    }
  }
}
