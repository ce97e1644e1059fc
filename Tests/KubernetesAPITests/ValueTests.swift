import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct ValueTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", Int64(0)), ("2024-02-29T12:34:56Z", 1_709_210_096_000),
    ("2024-02-29T12:34:56.789Z", 1_709_210_096_789),
    ("2024-02-29T13:34:56+01:00", 1_709_210_096_000), ("1969-12-31T23:59:59Z", -1000),
    ("0001-01-01T00:00:00Z", -62_135_596_800_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000),
  ])
  func timestampsAreRead(text: String, milliseconds: Int64) throws {
    let time = try #require(Timestamp(parsing: text))
    #expect(time.milliseconds == milliseconds)
    #expect(Timestamp(parsing: time.rfc3339Micro()) == time)
  }

  @Test(arguments: [
    "", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
    "2024-01-01T24:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "x",
    "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+1:00",
  ])
  func badTimestampsAreRefused(text: String) { #expect(Timestamp(parsing: text) == nil) }

  @Test func timestampsAreWritten() {
    let time = Timestamp(microseconds: 1_709_210_096_000_042)
    #expect(time.rfc3339() == "2024-02-29T12:34:56Z")
    #expect(time.rfc3339Micro() == "2024-02-29T12:34:56.000042Z")
    #expect(time.rfc3339Milli() == "2024-02-29T12:34:56.000Z")
    #expect(Timestamp(milliseconds: 1_709_210_096_089).rfc3339Milli() == "2024-02-29T12:34:56.089Z")
    #expect(Timestamp(milliseconds: .max).rfc3339() == "9999-12-31T23:59:59Z")
    #expect(time.adding(seconds: .max) > time)
  }

  @Test(arguments: [
    (Int64(-5), "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (192, "3m12s"),
    (600, "10m"), (10_799, "179m"), (10_800, "3h"), (18_180, "5h3m"), (28_800, "8h"),
    (172_799, "47h"), (172_800, "2d"), (187_200, "2d4h"), (691_200, "8d"), (63_071_999, "729d"),
    (63_072_000, "2y"), (66_009_600, "2y34d"), (252_288_000, "8y"),
  ])
  func durations(seconds: Int64, text: String) {
    #expect(HumanDuration.text(milliseconds: seconds * 1000) == text)
  }

  @Test(arguments: [
    ("1", "1"), ("0", "0"), ("1000m", "1"), ("1500m", "1500m"), ("0.5", "500m"), ("1024Mi", "1Gi"),
    ("1024", "1024"), ("1Ki", "1Ki"), ("512", "512"), ("1000", "1k"), ("1e3", "1e3"),
    ("1.5e3", "1500"), ("0.1Ki", "102400m"), ("100n", "100n"), ("0.1n", "1n"), ("-1", "-1"),
    ("-0.5Gi", "-512Mi"), ("1E", "1E"), ("12345678901234", "12345678901234"),
    ("1000000000", "1G"), (".5", "500m"), ("5.", "5"), ("+1", "1"), ("1023Ki", "1023Ki"),
    ("1e-3", "1e-3"), ("99999999999999999999", "9223372036854775807"),
    ("99999999999999999999Ei", "9223372036854775807"), ("1e999999999", "9223372036854775807e0"),
  ])
  func quantitiesAreCanonical(text: String, canonical: String) {
    let found = Quantity(parsing: text)?.description
    #expect(found == canonical || (found ?? "") + "e0" == canonical)
  }

  @Test(arguments: ["", "x", "1x", "1.2.3", "1 Gi", "--1", "1KI", "1e", "1ee3", "xKi"])
  func badQuantitiesAreRefused(text: String) { #expect(Quantity(parsing: text) == nil) }

  @Test(arguments: ["Ki", "e3", "-m", "+"])
  func quantitiesWithoutDigitsAreZero(text: String) { #expect(Quantity(parsing: text) == .zero) }

  @Test(
    arguments: [(1e3, "1e3"), (1500.0, "1500"), (0.5, nil), (1e30, nil)] as [(Double, String?)])
  func wholeNumbersWithAnExponentKeepOne(number: Double, text: String?) {
    #expect(Quantity.text(of: number) == text)
  }

  @Test func quantitiesCompareAndAdd() throws {
    let half = try #require(Quantity(parsing: "500m"))
    let one = try #require(Quantity(parsing: "1"))
    #expect(half < one)
    #expect(half + half == one)
    #expect((one - half).description == "500m")
    #expect(half.value == 1)
    #expect(half.milliValue == 500)
    #expect(try #require(Quantity(parsing: "1Gi")).value == 1 << 30)
    #expect((Quantity(.max) + Quantity(.max)).value == .max)
  }

  @Test func percentages() {
    #expect(IntOrString("25%").flatMap { $0.scaled(of: 10, roundUp: true) } == 3)
    #expect(IntOrString("25%").flatMap { $0.scaled(of: 10, roundUp: false) } == 2)
    #expect(IntOrString(3).flatMap { $0.scaled(of: 10, roundUp: true) } == 3)
    #expect(IntOrString("x").flatMap { $0.scaled(of: 10, roundUp: true) } == nil)
    #expect(IntOrString(.int(1 << 40)) == nil)
    #expect(IntOrString("25%").flatMap { $0.scaled(of: .max, roundUp: true) } == nil)
  }

  @Test(arguments: [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("äö", "w6TDtg==")])
  func base64(plain: String, encoded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(plain.utf8))
  }

  @Test(arguments: ["a", "YQ", "YQ=", "Y Q=", "!!!!", "=YQ="])
  func badBase64(text: String) { #expect(Base64.decode(text) == nil) }

  @Test(arguments: ["1.2.3.4", "::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"])
  func addresses(text: String) { #expect(IPAddress(text) != nil) }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", ":", ":::", "1::2::3", "12345::", "g::",
    "1:2:3:4:5:6:7:8:9", "::1%eth0",
  ])
  func badAddresses(text: String) { #expect(IPAddress(text) == nil) }
}
