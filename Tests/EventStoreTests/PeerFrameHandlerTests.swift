import NIOCore
import NIOEmbedded
import Raft
import Testing

@testable import EventStore

/// Frames out of a stream that is cut anywhere.
@Suite struct PeerFrameHandlerTests {
  private static let frames: [PeerFrame] = [
    .hello(PeerHello(version: 1, clusterID: 1, from: 1, to: 2, purpose: .messages)),
    .messages(PeerFrameTests.messages), .welcome,
    .messages([.propose([[UInt8](repeating: 7, count: 5_000)])]), .snapshotEnd,
  ]

  private static var stream: ByteBuffer {
    var buffer = ByteBuffer()
    for frame in frames { frame.encode(into: &buffer) }
    return buffer
  }

  private func frames(from channel: EmbeddedChannel) throws -> [PeerFrame] {
    var frames: [PeerFrame] = []
    while let frame = try channel.readInbound(as: PeerFrame.self) { frames.append(frame) }
    return frames
  }

  @Test(arguments: [1, 2, 3, 4, 5, 7, 64, 999, 4_096, 100_000])
  func aStreamThatIsCutAnywhereGivesTheSameFrames(bytesAtOnce: Int) throws {
    let channel = EmbeddedChannel(handler: PeerFrameHandler())
    var stream = Self.stream
    while stream.readableBytes > 0 {
      let count = min(bytesAtOnce, stream.readableBytes)
      try channel.writeInbound(ByteBuffer(bytes: stream.readBytes(length: count) ?? []))
    }
    #expect(try frames(from: channel) == Self.frames)
    _ = try channel.finish()
  }

  /// What holds a buffer in part makes its owner copy all of it before it is written to again.
  @Test(arguments: [0, 1, 3, 100]) func whatWasGivenIsNotHeld(bytesMissing: Int) throws {
    let channel = EmbeddedChannel(handler: PeerFrameHandler())
    var owned = ByteBufferAllocator().buffer(capacity: 32_768)
    for _ in 0..<3 {
      owned.clear()
      let before = address(of: &owned)
      var stream = Self.stream
      let first = stream.readableBytes - bytesMissing
      owned.writeBytes(stream.readBytes(length: first) ?? [])
      try channel.writeInbound(owned)
      owned.clear()
      owned.writeBytes(stream.readBytes(length: bytesMissing) ?? [])
      try channel.writeInbound(owned)
      owned.clear()
      owned.writeInteger(UInt8(0))
      #expect(address(of: &owned) == before)
    }
    #expect(try frames(from: channel) == Self.frames + Self.frames + Self.frames)
    _ = try channel.finish()
  }

  private func address(of buffer: inout ByteBuffer) -> UnsafeRawPointer? {
    buffer.withVeryUnsafeBytes { $0.baseAddress }
  }

  @Test func nothingIsReadBehindWhatIsNoFrame() throws {
    let channel = EmbeddedChannel(handler: PeerFrameHandler())
    var tooLong = ByteBuffer(integer: UInt32.max)
    tooLong.writeInteger(UInt8(0))
    #expect(throws: PeerFrameError.self) { try channel.writeInbound(tooLong) }
    try channel.writeInbound(Self.stream)
    #expect(try frames(from: channel).isEmpty)
    _ = try? channel.finish()
  }
}
