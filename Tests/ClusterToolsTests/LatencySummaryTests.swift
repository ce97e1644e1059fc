import Testing

@testable import ClusterTools

struct LatencySummaryTests {
  @Test func ranksByPosition() {
    let summary = LatencySummary(
      nanoseconds: (1...100).map { $0 * 1_000_000 }, elapsedSeconds: 2)
    #expect(summary.p50Milliseconds == 50)
    #expect(summary.p99Milliseconds == 99)
    #expect(summary.maximumMilliseconds == 100)
    #expect(summary.perSecond == 50)
    #expect(LatencySummary(nanoseconds: [], elapsedSeconds: 0).p50Milliseconds == 0)
  }

  @Test func findsTheMiddle() {
    #expect(LatencySummary.median([3, 1, 2]) == 2)
    #expect(LatencySummary.median([4, 1, 2, 3]) == 2.5)
  }

  @Test(
    arguments: [
      (1_234_567, "1,234,567"), (123.4, "123"), (12.34, "12.3"), (0.5, "0.50"),
      (0.016, "0.02"),
    ] as [(Double, String)])
  func writesFigures(_ value: Double, _ expected: String) {
    #expect(figure(value) == expected)
  }
}
