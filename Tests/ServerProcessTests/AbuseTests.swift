import Foundation
import Testing

/// What can be done wrong to a server over HTTP/2 and with bytes that are no requests: it ends the
/// connection, harms nobody else, and does not grow.
struct AbuseTests {
  /// HTTP/2 frames, RFC 9113.
  private enum Frames {
    static let start =
      Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])

    static func frame(_ kind: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8])
      -> [UInt8]
    {
      let length = payload.count
      return [UInt8(length >> 16), UInt8(length >> 8 & 0xff), UInt8(length & 0xff), kind, flags]
        + (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * $0)) } + payload
    }

    /// GET /api/v1/pods
    static let request =
      [0x82, 0x87, 0x04, 12] + Array("/api/v1/pods".utf8) + [0x01, 1] + Array("a".utf8)

    /// A field that goes to HPACK's dynamic table, and then is named again and again.
    static let bomb: [UInt8] =
      request + [0x40, 1] + Array("x".utf8) + [0x7f, 0xa1, 0x1e]
      + Array(repeating: 0x61, count: 4000)
      + Array(repeating: 0xbe, count: 2_000)
  }

  private static let abuses: [(name: String, bytes: @Sendable () -> [UInt8])] = [
    (
      "rapid reset",
      {
        (0..<6_000).flatMap { number -> [UInt8] in
          let stream = UInt32(number * 2 + 1)
          return Frames.frame(1, 5, stream, Frames.request)
            + Frames.frame(3, 0, stream, [0, 0, 0, 8])
        }
      }
    ),
    ("a flood of settings", { (0..<10_000).flatMap { _ in Frames.frame(4, 0, 0, []) } }),
    (
      "a flood of pings",
      { (0..<10_000).flatMap { _ in Frames.frame(6, 0, 0, Array(repeating: 1, count: 8)) } }
    ),
    (
      "endless headers",
      {
        Frames.frame(1, 1, 1, Frames.request)
          + (0..<1_000).flatMap { _ in Frames.frame(9, 0, 1, [0x00, 1, 0x61, 1, 0x61]) }
      }
    ),
    ("headers that unpack to megabytes", { Frames.frame(1, 5, 1, Frames.bomb) }),
    (
      "empty data without end",
      {
        Frames.frame(1, 4, 1, [0x83] + Frames.request.dropFirst())
          + (0..<1_000).flatMap { _ in Frames.frame(0, 0, 1, []) }
      }
    ),
    ("a window of nothing", { Frames.frame(8, 0, 0, [0, 0, 0, 0]) }),
    ("a frame that is too long", { [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1] }),
  ]

  @Test func abuseOfHTTP2EndsTheConnectionAndHarmsNobody() async throws {
    let folder = try TestFolder()
    let server = try await Standalone.start(folder.path + "/data")
    let before = try Self.residentKilobytes(server.process.pid)
    for (name, bytes) in Self.abuses {
      let connection = try await RawConnection(
        port: server.client.port, .tls(server.client.credential), protocols: ["h2"])
      connection.send(Frames.start + bytes())
      do {
        _ = try await connection.untilClosed()
      } catch is RawConnection.StillOpen {
        Issue.record("the connection stays open after \(name)")
      } catch {
        // Closed with a reset, since there was more to read.
      }
      let answer = try await server.client.get("/readyz")
      #expect(answer.status == 200, "after \(name): \(answer)")
      #expect(server.process.isRunning, "after \(name)")
    }
    let after = try Self.residentKilobytes(server.process.pid)
    #expect(after - before < 200_000, "from \(before) to \(after) KB")
    try await server.process.stop().expect(status: 0)
  }

  @Test func malformedRequestsAreRefusedAndLeaveNothingBehind() async throws {
    let folder = try TestFolder()
    let process = try ServerProcess(
      ["fuzz-api", "--count", "1500", "--seed", "20261124"],
      environment: ["TMPDIR": folder.path])
    try await process.ended().expect("answers: ", "400: ", status: 0)
  }

  private static func residentKilobytes(_ pid: Int32) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
    return try #require(
      line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) })
  }
}
