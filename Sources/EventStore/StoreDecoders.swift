import EventLog
import Foundation
import Keyspace
import NIOCore
import Raft

/// What reads bytes of a peer or a disk in this module, and examples of such bytes: for those who
/// see what it makes of changed ones.
package enum StoreDecoders {
  // MARK: Peers

  /// A frame of each kind.
  package static func frames(messages: [PeerMessage]) -> [[UInt8]] {
    let frames: [PeerFrame] = [
      .hello(
        PeerHello(
          version: PeerFrame.protocolVersion, clusterID: 7, from: 1, to: 2, purpose: .messages)),
      .welcome, .refusal("no"), .messages(messages),
      .snapshotHeader(
        SnapshotHeader(
          leaderTerm: 1,
          identity: SnapshotIdentity(index: 2, term: 3, byteCount: 4, checksum: 5))),
      .snapshotResume(offset: 6, checksum: 7), .snapshotStart(8), .snapshotTaken(9),
      .snapshotBlock(SnapshotBlock((0..<2_000).map { UInt8(truncatingIfNeeded: $0 / 7) })),
      .snapshotEnd, .snapshotResult("no"),
    ]
    return frames.map { frame in
      var buffer = ByteBuffer()
      frame.encode(into: &buffer)
      return Array(buffer.readableBytesView)
    }
  }

  /// Reads a stream of frames as a connection does, blocks of states included.
  ///
  /// - Parameter reseals: gives blocks the checksum that their bytes have.
  /// - Returns: the messages in it, up to where it can't be read.
  package static func readFrames(_ bytes: [UInt8], reseals: Bool) -> [PeerMessage] {
    var decoder = PeerFrameDecoder()
    var buffer = ByteBuffer(bytes: bytes)
    var messages: [PeerMessage] = []
    while let frame = try? decoder.decode(buffer: &buffer) {
      switch frame {
      case .messages(let more): messages += more
      case .snapshotBlock(var block):
        if reseals { block.checksum = block.compressed.withUnsafeBytes { CRC32C.checksum($0) } }
        _ = block.decompressed()
      default: break
      }
    }
    return messages
  }

  // MARK: Files

  /// Opens a replica's folder: its identity, and what marks a state on its way or not to be trusted.
  package static func openFolder(_ path: String, clusterID: UInt64, id: UInt64) {
    guard let folder = try? DataDirectory.open(path: path, clusterID: clusterID, id: id) else {
      return
    }
    _ = folder.interruptedInstallation
    _ = folder.stateDistrust
    folder.release()
  }

  /// Files of text in a replica's folder, by name.
  package static var folderFiles: [String: String] {
    [
      "identity": "taffrail replica\ncluster 7\nid 1\n", "snapshot-installing": "12\n",
      "state-distrusted": "its hash is another one\n",
      "snapshot.incoming-about":
        SnapshotIdentity(index: 2, term: 3, byteCount: 4, checksum: 5).text,
    ]
  }

  /// Makes a projection with some history in it.
  package static func makeProjection(_ path: String, batches: [AppliedBatch]) throws {
    let (projection, _) = try Projection.open(path: path, clusterID: 7, replicaID: 1)
    try projection.write(batch: batches)
  }

  /// Changes its rows as no program of ours does.
  package static func change(_ path: String, _ sql: String) throws {
    let connection = try SQLiteConnection(path: path, mode: .readWrite)
    try connection.execute(sql)
  }

  /// Reads all of a projection as a start does, and as `taffrail log` does.
  package static func readProjection(_ path: String) throws {
    let (projection, _) = try Projection.open(path: path, clusterID: 7, replicaID: 1)
    if let bytes = try projection.membership() { _ = Membership(encoded: bytes) }
    _ = try? projection.loadCurrent().restored()
    let reader = try HistoryReader(path: path)
    try reader.forEach(HistoryFilter()) { $0.position >= 0 || $0.isCommitted }
    if let revision = try reader.revision(atTime: 1_000) { _ = try reader.event(at: revision) }
  }

  /// Makes a backup of a database.
  package static func makeBackup(of database: String, to file: String) throws {
    let size = try FileManager.default.attributesOfItem(atPath: database)[.size] as? UInt64
    try BackupFile.write(
      database,
      header: BackupHeader(
        id: 3, clusterID: 7, baseID: 0, since: 0, revision: 4, stateHash: 5,
        timeMilliseconds: 1_000, byteCount: size ?? 0), to: file)
  }

  /// Its first bytes, with the checksum that they have.
  package static func resealedBackup(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= BackupHeader.size else { return bytes }
    var checksum: [UInt8] = []
    checksum.append32(bytes[..<(BackupHeader.size - 4)].withUnsafeBytes { CRC32C.checksum($0) })
    return bytes[..<(BackupHeader.size - 4)] + checksum + bytes[BackupHeader.size...]
  }
}
