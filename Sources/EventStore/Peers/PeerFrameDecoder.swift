import NIOCore

/// Cuts the stream into frames; what is too long or unreadable is an error, which closes the
/// connection.
struct PeerFrameDecoder {
  private var isGreeted = false

  /// Takes the next frame from the buffer, and copies what it carries.
  ///
  /// - Returns: nil if the buffer has but a part of it.
  mutating func decode(buffer: inout ByteBuffer) throws(PeerFrameError) -> PeerFrame? {
    guard let count = try byteCount(buffer), buffer.readableBytes >= count else { return nil }
    buffer.moveReaderIndex(forwardBy: Self.lengthBytes)
    guard var body = buffer.readSlice(length: count - Self.lengthBytes) else { return nil }
    let frame = try PeerFrame.decode(&body)
    isGreeted = true
    return frame
  }

  /// How many bytes the frame has that the buffer begins with; nil if that is not there yet.
  func byteCount(_ buffer: ByteBuffer) throws(PeerFrameError) -> Int? {
    guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else {
      return nil
    }
    let limit = isGreeted ? PeerFrame.maximumBytes : PeerFrame.maximumHandshakeBytes
    guard length >= 1, Int(length) <= limit else {
      throw PeerFrameError(
        "a frame of \(length) bytes is not within 1 and \(limit): this is no replica's protocol")
    }
    return Self.lengthBytes + Int(length)
  }

  private static let lengthBytes = 4
}
