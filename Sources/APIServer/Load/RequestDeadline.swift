import KubernetesAPI

/// How long a request may take.
enum RequestDeadline {
  /// Upstream's `--request-timeout`, and the most that a client may ask for.
  static let defaultMilliseconds: Int64 = 60_000

  /// The milliseconds of the parameter `timeout`, a duration as Go writes it (`34s`, `1m30s`).
  ///
  /// - Throws: 400 for what is no duration.
  static func milliseconds(_ parameter: String?) throws(APIStatus) -> Int64 {
    guard let parameter, !parameter.isEmpty else { return defaultMilliseconds }
    guard let milliseconds = goDuration(parameter) else {
      throw .badRequest(
        "invalid timeout specified in the request URL: \"\(parameter)\" is no duration such as 30s "
          + "or 1m30s")
    }
    return milliseconds > 0 ? min(milliseconds, defaultMilliseconds) : defaultMilliseconds
  }

  static let timeout = APIStatus(
    code: 504, reason: "Timeout",
    message: "Timeout: request did not complete within the allotted timeout")

  /// As Go's `time.ParseDuration`, to the millisecond; `nil` for what it refuses.
  static func goDuration(_ text: String) -> Int64? {
    if text == "0" { return 0 }
    var rest = Substring(text)
    var sign = 1.0
    if let first = rest.first, first == "-" || first == "+" {
      if first == "-" { sign = -1 }
      rest.removeFirst()
    }
    guard !rest.isEmpty else { return nil }
    // Longest first, since "m" begins "ms".
    let units: [(String, Double)] = [
      ("ns", 1e-6), ("us", 1e-3), ("µs", 1e-3), ("μs", 1e-3), ("ms", 1), ("s", 1_000),
      ("m", 60_000), ("h", 3_600_000),
    ]
    var total = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
      guard digits.contains(where: \.isNumber), let number = Double(digits) else { return nil }
      rest = rest.dropFirst(digits.count)
      guard let unit = units.first(where: { rest.hasPrefix($0.0) }) else { return nil }
      rest = rest.dropFirst(unit.0.count)
      total += number * unit.1
    }
    guard total.isFinite, total < 9e15 else { return nil }
    return Int64(sign * total)
  }
}
