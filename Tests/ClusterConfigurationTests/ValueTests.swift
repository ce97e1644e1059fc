import Testing

@testable import ClusterConfiguration

struct ValueTests {
  @Test(arguments: [
    ("0.0.0.0", UInt32(0)), ("127.0.0.1", 0x7f00_0001), ("255.255.255.255", .max),
    ("10.244.1.0", 0x0af4_0100),
  ])
  func addressReadsAndWrites(text: String, value: UInt32) {
    #expect(IPv4Address(text)?.rawValue == value)
    #expect(IPv4Address(rawValue: value).description == text)
  }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.-4", "a.b.c.d", "1..2.3",
  ])
  func addressRefuses(text: String) {
    #expect(IPv4Address(text) == nil)
  }

  @Test func rangesKnowTheirMembers() throws {
    let range = try #require(IPv4Range("10.244.0.0/16"))
    #expect(range.last.description == "10.244.255.255")
    #expect(range.subrange(3, prefixLength: 24)?.description == "10.244.3.0/24")
    #expect(range.subrange(256, prefixLength: 24) == nil)
    #expect(range.address(65536) == nil)
    #expect(range.overlaps(try #require(IPv4Range("10.0.0.0/8"))))
    #expect(!range.overlaps(try #require(IPv4Range("10.245.0.0/16"))))
    let all = try #require(IPv4Range("0.0.0.0/0"))
    #expect(all.last.rawValue == .max)
    #expect(all.contains(range))
    #expect(IPv4Range("1.2.3.4/33") == nil)
    #expect(IPv4Range("1.2.3.4/") == nil)
    #expect(IPv4Range("1.2.3.4/32")?.address(0)?.description == "1.2.3.4")
  }

  @Test(arguments: [
    ("localhost:80", true), ("a.example:65535", true), ("1.2.3.4:1", true), ("1.2.3:1", false),
    (":80", false), ("x:0", false), ("x:65536", false), ("x:+1", false), ("x", false),
    ("-x:1", false), ("x:1:2", false),
  ])
  func hostPort(text: String, isValid: Bool) {
    #expect((HostPort(text) != nil) == isValid)
  }

  @Test(
    arguments: [
      ("90s", 90), ("15m", 900), ("1d12h", 129_600), ("", nil), ("7", nil), ("d", nil),
      ("1w", nil), ("-1s", nil), ("9223372036854775807d", nil), ("99999999999999999999s", nil),
    ] as [(String, Int?)])
  func durations(text: String, seconds: Int?) {
    #expect(Quantity.seconds(text) == seconds)
  }

  @Test(
    arguments: [
      ("512MiB", 512 << 20), ("4 GiB", 4 << 30), ("2GB", 2_000_000_000), ("17", 17),
      ("1Gi", 1 << 30),
      ("GiB", nil), ("1.5GiB", nil), ("1 gib", nil), ("9223372036854775807KiB", nil),
    ] as [(String, Int?)])
  func sizes(text: String, bytes: Int?) {
    #expect(Quantity.bytes(text) == bytes)
  }

  @Test func suggestsWhatIsNear() {
    #expect(Suggestion.nearest(to: "podrange", among: ["podRange", "nodes"]) == "podRange")
    #expect(Suggestion.nearest(to: "colour", among: ["podRange", "nodes"]) == nil)
    #expect(Suggestion.distance("kitten", "sitting") == 3)
  }
}
