extension Membership {
  private static let version: UInt8 = 1
  private static let maximumHostBytes = 255

  /// As it stands in the log: a version, then servers, voters, outgoing voters and learners, each
  /// with their number in front; numbers are little-endian.
  public var encoded: [UInt8] {
    var bytes: [UInt8] = [Self.version]
    func add<Number: FixedWidthInteger>(_ number: Number) {
      withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }
    add(UInt16(servers.count))
    for server in servers {
      let host = server.host.utf8.prefix(Self.maximumHostBytes)
      add(server.id)
      bytes.append(server.part.rawValue)
      add(server.replaces)
      add(UInt16(clamping: server.port))
      bytes.append(UInt8(host.count))
      bytes += host
    }
    for list in [voters, outgoing, learners] {
      add(UInt16(list.count))
      for id in list { add(id) }
    }
    return bytes
  }

  /// `nil`: these bytes are no membership that this version can read.
  public init?(encoded bytes: [UInt8]) {
    var rest = bytes[...]
    func take<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
      let size = MemoryLayout<Number>.size
      guard rest.count >= size else { return nil }
      defer { rest = rest.dropFirst(size) }
      return rest.prefix(size).reversed().reduce(Number(0)) { $0 << 8 | Number($1) }
    }
    func takeIDs() -> [ReplicaID]? {
      guard let count = take(UInt16.self), rest.count >= Int(count) * 8 else { return nil }
      let ids = (0..<count).compactMap { _ in take(ReplicaID.self) }
      return zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 } && ids.first != 0 ? ids : nil
    }
    self.init()
    isRecorded = true
    guard take(UInt8.self) == Self.version, let count = take(UInt16.self) else { return nil }
    for _ in 0..<count {
      guard let id = take(ReplicaID.self), let part = take(UInt8.self).flatMap(Part.init),
        let replaces = take(ReplicaID.self), let port = take(UInt16.self),
        let length = take(UInt8.self), rest.count >= Int(length)
      else { return nil }
      let host = String(decoding: rest.prefix(Int(length)), as: UTF8.self)
      rest = rest.dropFirst(Int(length))
      servers.append(
        Server(id: id, host: host, port: Int(port), part: part, replaces: replaces))
    }
    guard let voters = takeIDs(), let outgoing = takeIDs(), let learners = takeIDs(),
      rest.isEmpty, !voters.isEmpty
    else { return nil }
    self.voters = voters
    self.outgoing = outgoing
    self.learners = learners
  }
}
