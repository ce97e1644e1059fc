import Testing

@testable import Keyspace

@Suite struct MetricFamilyTests {
  @Test func familiesAreWrittenAsPrometheusReadsThem() {
    var requests = MetricFamily("requests_total", .counter, "Requests.")
    requests.add(3, ["verb": "GET", "path": "a\"b\\c\nd"])
    requests.add(0.5, ["verb": "PUT", "path": ""])
    let empty = MetricFamily("nothing", .gauge, "Never shown.")
    let text = MetricFamily.text([requests, empty, .init("n", .gauge, "N.", value: UInt64(7))])
    #expect(
      text == """
        # HELP requests_total Requests.
        # TYPE requests_total counter
        requests_total{verb="GET",path="a\\"b\\\\c\\nd"} 3
        requests_total{verb="PUT",path=""} 0.5
        # HELP n N.
        # TYPE n gauge
        n 7

        """)
  }

  @Test func histogramCountsUpToEachBound() {
    var histogram = LatencyHistogram(bounds: [0.25, 1])
    for milliseconds in [125, 250, 500, 2_000] as [UInt64] {
      histogram.record(nanoseconds: milliseconds * 1_000_000)
    }
    var family = MetricFamily("h", .histogram, "H.")
    family.add(histogram, ["a": "b"])
    #expect(
      MetricFamily.text([family]) == """
        # HELP h H.
        # TYPE h histogram
        h_bucket{a="b",le="0.25"} 2
        h_bucket{a="b",le="1"} 3
        h_bucket{a="b",le="+Inf"} 4
        h_sum{a="b"} 2.875
        h_count{a="b"} 4

        """)
  }
}
