/// The schedules of CronJobs: five fields, or a descriptor.
enum CronSchedule {
  private struct Bounds {
    var minimum: Int
    var maximum: Int
    var names: [String: Int] = [:]
  }

  private static let months = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  private static let bounds = [
    Bounds(minimum: 0, maximum: 59), Bounds(minimum: 0, maximum: 23),
    Bounds(minimum: 1, maximum: 31),
    Bounds(
      minimum: 1, maximum: 12,
      names: Dictionary(uniqueKeysWithValues: months.enumerated().map { ($1, $0 + 1) })),
    Bounds(
      minimum: 0, maximum: 6,
      names: Dictionary(uniqueKeysWithValues: days.enumerated().map { ($1, $0) })),
  ]

  private static let descriptors: Set<String> = [
    "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
  ]

  /// What is wrong with a schedule; nil means nothing. How many fields there are is the caller's
  /// to check.
  static func problem(_ text: String) -> String? {
    if text.hasPrefix("@") {
      if descriptors.contains(text) { return nil }
      let every = "@every "
      guard text.hasPrefix(every) else { return "unrecognized descriptor: \(text)" }
      return isDuration(text.dropFirst(every.count)) ? nil : "failed to parse duration \(text)"
    }
    for (field, bounds) in zip(text.split(separator: " "), bounds) {
      for range in field.split(separator: ",") {
        if let problem = problem(inRange: String(range), bounds) { return problem }
      }
    }
    return nil
  }

  private static func problem(inRange text: String, _ bounds: Bounds) -> String? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    var start = bounds.minimum
    var end = bounds.maximum
    if ends[0] == "*" || ends[0] == "?" {
      guard ends.count == 1 else { return "too many hyphens: \(text)" }
    } else {
      guard ends.count <= 2 else { return "too many hyphens: \(text)" }
      guard let first = number(ends[0], bounds) else {
        return "failed to parse int from \(ends[0]): strconv.Atoi: parsing "
          + "\(GoFormat.quoted(ends[0])): invalid syntax"
      }
      start = first
      end = first
      if ends.count == 2 {
        guard let last = number(ends[1], bounds) else {
          return "failed to parse int from \(ends[1]): strconv.Atoi: parsing "
            + "\(GoFormat.quoted(ends[1])): invalid syntax"
        }
        end = last
      } else if parts.count == 2 {
        end = bounds.maximum
      }
    }
    guard parts.count <= 2 else { return "too many slashes: \(text)" }
    if parts.count == 2 {
      guard let step = Int(parts[1]), step >= 0 else {
        return "failed to parse int from \(parts[1]): strconv.Atoi: parsing "
          + "\(GoFormat.quoted(parts[1])): invalid syntax"
      }
      if step == 0 { return "step of range should be a positive number: \(text)" }
    }
    if start < bounds.minimum {
      return "beginning of range (\(start)) below minimum (\(bounds.minimum)): \(text)"
    }
    if end > bounds.maximum {
      return "end of range (\(end)) above maximum (\(bounds.maximum)): \(text)"
    }
    return start > end ? "beginning of range (\(start)) beyond end of range (\(end)): \(text)" : nil
  }

  private static func number(_ text: String, _ bounds: Bounds) -> Int? {
    if let named = bounds.names[text.lowercased()] { return named }
    guard let number = Int(text), number >= 0 else { return nil }
    return number
  }

  /// Numbers with units, as `1h30m`.
  private static func isDuration(_ text: Substring) -> Bool {
    var rest = text
    guard !rest.isEmpty else { return false }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      guard !digits.isEmpty else { return false }
      rest = rest.dropFirst(digits.count)
      guard
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"].first(where: {
          rest.hasPrefix($0) && !(($0 == "m") && rest.hasPrefix("ms"))
        })
      else { return false }
      rest = rest.dropFirst(unit.count)
    }
    return true
  }
}
