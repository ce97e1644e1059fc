/// Figures of one name, as a server shows them at `/metrics`.
public struct MetricFamily: Sendable {
  public enum Kind: String, Sendable { case counter, gauge, histogram }

  public struct Sample: Sendable {
    /// `_bucket`, `_sum` or `_count` of a histogram, else empty.
    public var suffix: String
    public var labels: [(name: String, value: String)]
    public var value: Double
  }

  public var name: String
  public var help: String
  public var kind: Kind
  public private(set) var samples: [Sample] = []

  public init(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    self.help = help
    self.kind = kind
  }

  /// A family of one figure without labels.
  public init(_ name: String, _ kind: Kind, _ help: String, value: some BinaryInteger) {
    self.init(name, kind, help)
    add(Double(value))
  }

  public mutating func add(_ value: Double, _ labels: KeyValuePairs<String, String> = [:]) {
    samples.append(Sample(suffix: "", labels: labels.map { ($0.key, $0.value) }, value: value))
  }

  public mutating func add(
    _ value: some BinaryInteger, _ labels: KeyValuePairs<String, String> = [:]
  ) {
    add(Double(value), labels)
  }

  /// The buckets, sum and count of a histogram.
  public mutating func add(
    _ histogram: LatencyHistogram, _ labels: KeyValuePairs<String, String> = [:]
  ) {
    let labels = labels.map { (name: $0.key, value: $0.value) }
    var total = 0
    for (bound, count) in zip(histogram.bounds + [.infinity], histogram.counts) {
      total += count
      samples.append(
        Sample(
          suffix: "_bucket", labels: labels + [("le", Self.text(bound))], value: Double(total)))
    }
    samples.append(Sample(suffix: "_sum", labels: labels, value: histogram.sumSeconds))
    samples.append(Sample(suffix: "_count", labels: labels, value: Double(total)))
  }

  /// Prometheus' text format, version 0.0.4.
  public static func text(_ families: [MetricFamily]) -> String {
    var text = ""
    for family in families where !family.samples.isEmpty {
      text +=
        "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
      for sample in family.samples {
        text += family.name + sample.suffix
        if !sample.labels.isEmpty {
          text += "{"
          for (position, label) in sample.labels.enumerated() {
            text += (position > 0 ? "," : "") + "\(label.name)=\"\(escaped(label.value))\""
          }
          text += "}"
        }
        text += " \(Self.text(sample.value))\n"
      }
    }
    return text
  }

  private static func escaped(_ value: String) -> String {
    guard value.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else {
      return value
    }
    return value.reduce(into: "") { text, character in
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.append(character)
      }
    }
  }

  static func text(_ value: Double) -> String {
    if value == .infinity { return "+Inf" }
    if value == -.infinity { return "-Inf" }
    if value.isNaN { return "NaN" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }
}

/// How often something took how long, in buckets as Prometheus has them.
public struct LatencyHistogram: Sendable {
  /// For a disk's sync and for what memory does.
  public static let storeBounds = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
  ]
  /// Those of kube-apiserver's `apiserver_request_duration_seconds`.
  public static let requestBounds = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30,
    45, 60,
  ]

  /// Upper bounds in seconds, growing; what is beyond the last has a bucket too.
  public let bounds: [Double]
  public private(set) var counts: [Int]
  public private(set) var sumSeconds: Double = 0

  public init(bounds: [Double] = LatencyHistogram.storeBounds) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  public var count: Int { counts.reduce(0, +) }

  public mutating func record(nanoseconds: UInt64) {
    let seconds = Double(nanoseconds) / 1e9
    sumSeconds += seconds
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = (low + high) / 2
      if bounds[middle] < seconds { low = middle + 1 } else { high = middle }
    }
    counts[low] += 1
  }
}
