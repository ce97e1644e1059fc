import EventLog

/// A disk in memory that keeps apart what was written and what was synced, fails on demand, and
/// can lose power.
final class FaultDisk: Disk {
  enum Fault {
    case error(DiskError.Kind)
    case powerLoss
  }

  /// What of the unsynced writes is there after the power was lost.
  enum Survival: CaseIterable { case nothing, everything, half, sectors }

  private final class File {
    var data: [UInt8] = []
    var durable: [UInt8] = []
  }

  private var names: [String: File] = [:]
  private var durableNames: [String: File] = [:]
  private(set) var operations = 0
  private(set) var syncs = 0
  /// By the number of the operation that writes.
  var faults: [Int: Fault] = [:]
  /// The next `sync` fails once.
  var syncFails = false
  /// Bytes that may still be appended; `nil`: no bound.
  var space: Int?
  private var isOff = false

  func bytes(_ name: String) -> [UInt8] { names[name]?.data ?? [] }
  var fileNames: [String] { names.keys.sorted() }

  func setBytes(_ name: String, _ bytes: [UInt8]) {
    names[name]?.data = bytes
    names[name]?.durable = bytes
  }

  func drop(_ name: String) {
    names[name] = nil
    durableNames[name] = nil
  }

  func copy() -> FaultDisk {
    let copy = FaultDisk()
    for (name, file) in names {
      let twin = File()
      twin.data = file.data
      twin.durable = file.data
      copy.names[name] = twin
      copy.durableNames[name] = twin
    }
    return copy
  }

  /// Power comes back after it was lost.
  func restart(_ survival: Survival) {
    isOff = false
    faults = [:]
    if case .everything = survival { durableNames = names }
    names = durableNames
    for file in names.values {
      let isLonger = file.data.starts(with: file.durable)
      switch survival {
      case .nothing: file.data = file.durable
      case .everything: break
      case .half:
        if isLonger {
          let kept = file.durable.count + (file.data.count - file.durable.count) / 2
          file.data = Array(file.data[..<kept])
        }
      case .sectors:
        // Every other sector of what was not synced has not been written.
        guard isLonger else { continue }
        for offset in file.durable.count..<file.data.count where offset / 512 % 2 == 1 {
          file.data[offset] = 0
        }
      }
      file.durable = file.data
    }
  }

  private func operate(_ operation: String, _ name: String) throws(DiskError) {
    if isOff { throw DiskError(kind: .other, operation: operation, file: name, message: "off") }
    operations += 1
    switch faults[operations] {
    case nil: return
    case .powerLoss:
      isOff = true
      throw DiskError(kind: .other, operation: operation, file: name, message: "power lost")
    case .error(let kind):
      throw DiskError(kind: kind, operation: operation, file: name, message: "\(kind)")
    }
  }

  private func file(_ name: String) throws(DiskError) -> File {
    guard let file = names[name] else {
      throw DiskError(kind: .missing, operation: "open", file: name, message: "no such file")
    }
    return file
  }

  func list() throws(DiskError) -> [String] { Array(names.keys) }
  func size(of name: String) throws(DiskError) -> Int { try file(name).data.count }

  func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
    Array(try file(name).data.dropFirst(offset).prefix(count))
  }

  func append(_ bytes: [UInt8], to name: String) throws(DiskError) {
    let file = names[name] ?? File()
    names[name] = file
    do { try operate("write", name) } catch {
      // A failing write may have written something.
      if !isOff || error.message == "power lost" { file.data += bytes.prefix(bytes.count / 3) }
      throw error
    }
    if let space, bytes.count > space {
      file.data += bytes.prefix(space)
      throw DiskError(kind: .noSpace, operation: "write", file: name, message: "no space")
    }
    if let space { self.space = space - bytes.count }
    file.data += bytes
  }

  func sync(_ name: String) throws(DiskError) {
    try operate("sync", name)
    if syncFails {
      syncFails = false
      throw DiskError(kind: .input, operation: "sync", file: name, message: "input/output error")
    }
    syncs += 1
    let file = try file(name)
    file.durable = file.data
  }

  func syncDirectory() throws(DiskError) {
    try operate("sync", "directory")
    durableNames = names
  }

  func truncate(_ name: String, to size: Int) throws(DiskError) {
    try operate("truncate", name)
    let file = try file(name)
    file.data = Array(file.data.prefix(size))
  }

  func remove(_ name: String) throws(DiskError) {
    try operate("remove", name)
    names[name] = nil
  }

  func rename(_ name: String, to target: String) throws(DiskError) {
    try operate("rename", name)
    names[target] = try file(name)
    names[name] = nil
  }
}
