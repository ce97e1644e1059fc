import Foundation
import Testing

// What a running server tells of itself.
extension RunningClusterTests {
  @Test func metricsAreWellFormedAndTellOfStoreAndAPI() async throws {
    try await RunningCluster.unharmed { cluster in
      for id in 1...3 {
        let client = try cluster.home.client(id)
        _ = try await client.get(Self.path)
        let answer = try await client.get("/metrics")
        #expect(answer.status == 200)
        let text = answer.body
        let page = try MetricsPage(text)
        for name in [
          "apiserver_request_total", "apiserver_request_duration_seconds",
          "apiserver_current_inflight_requests", "apiserver_longrunning_requests",
          "taffrail_raft_term", "taffrail_raft_role", "taffrail_raft_commit_index",
          "taffrail_raft_applied_index", "taffrail_raft_elections_total",
          "taffrail_raft_leader_changes_total", "taffrail_raft_proposals_total",
          "taffrail_raft_read_batches_total", "taffrail_peer_connected",
          "taffrail_log_segments", "taffrail_log_bytes", "taffrail_log_appends_total",
          "taffrail_log_sync_duration_seconds", "taffrail_apply_duration_seconds",
          "taffrail_queue_length", "taffrail_store_watches", "taffrail_store_objects",
          "taffrail_store_quota_objects", "taffrail_snapshots_sent_total",
          "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
          "process_start_time_seconds",
        ] {
          #expect(page.types[name] != nil, "\(name) is not there")
        }
        #expect(page.value("taffrail_raft_term") ?? 0 >= 1)
        #expect(page.value("process_resident_memory_bytes") ?? 0 > 1e6)
        let started = try #require(page.value("process_start_time_seconds"))
        let age = Date().timeIntervalSince1970 - started
        #expect(age > 0 && age < 86_400)
        #expect(text.contains("resource=\"configmaps\",scope=\"namespace\""))
      }
    }
  }

  @Test func checkerOfMetricsFindsMistakes() {
    for text in [
      "a 1\n", "# TYPE a counter\na x\n", "# TYPE a counter\na{b=c} 1\n", "# TYPE a counter\na 1",
      "# TYPE a counter\n# TYPE a counter\na 1\n", "# TYPE a counter\na 1\na 2\n",
      "# TYPE a counter\n1a 1\n",
      "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
      "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
    ] {
      #expect(throws: MetricsPage.Mistake.self, "\(text)") { try MetricsPage(text) }
    }
  }
}

/// Prometheus' text format 0.0.4, read strictly.
struct MetricsPage {
  struct Mistake: Error { var line: String }

  private(set) var types: [String: String] = [:]
  private var values: [String: Double] = [:]

  func value(_ series: String) -> Double? { values[series] }

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Mistake(line: "the end") }
    var family = ""
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("# HELP ") { continue }
      if line.hasPrefix("# TYPE ") {
        let words = line.split(separator: " ")
        guard words.count == 4, ["counter", "gauge", "histogram"].contains(words[3]) else {
          throw Mistake(line: String(line))
        }
        family = String(words[2])
        guard types.updateValue(String(words[3]), forKey: family) == nil else {
          throw Mistake(line: String(line))
        }
        continue
      }
      try sample(String(line), of: family)
    }
    try checkHistograms()
  }

  private mutating func sample(_ line: String, of family: String) throws {
    let pattern = /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^{}]*\})? (\S+)/
    guard let match = try pattern.wholeMatch(in: line), let value = Double(match.3)
    else { throw Mistake(line: line) }
    let name = String(match.1)
    let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
    guard suffixes.contains(where: { name == family + $0 }) else { throw Mistake(line: line) }
    if let labels = match.2 {
      let label = /[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\"n])*"/
      var rest = labels.dropFirst().dropLast()
      while true {
        guard let found = try label.prefixMatch(in: rest) else { throw Mistake(line: line) }
        rest = rest[found.range.upperBound...]
        if rest.isEmpty { break }
        guard rest.first == "," else { throw Mistake(line: line) }
        rest = rest.dropFirst()
      }
    }
    guard values.updateValue(value, forKey: name + (match.2.map(String.init) ?? "")) == nil
    else { throw Mistake(line: line) }
  }

  /// Buckets grow, and the last has all.
  private func checkHistograms() throws {
    for (family, kind) in types where kind == "histogram" {
      var series: [String: [(Double, Double)]] = [:]
      for (name, value) in values where name.hasPrefix(family + "_bucket{") {
        guard let match = try /(.*?),?le="([^"]*)"\}/.wholeMatch(in: name),
          let bound = match.2 == "+Inf" ? .infinity : Double(match.2)
        else { throw Mistake(line: name) }
        series[String(match.1), default: []].append((bound, value))
      }
      for (name, buckets) in series {
        let sorted = buckets.sorted { $0.0 < $1.0 }
        let labels = name.dropFirst((family + "_bucket").count)
        let count = values[family + "_count" + (labels == "{" ? "" : labels + "}")]
        guard sorted.last?.0 == .infinity, sorted.last?.1 == count,
          zip(sorted, sorted.dropFirst()).allSatisfy({ $0.1 <= $1.1 })
        else { throw Mistake(line: name) }
      }
    }
  }
}
