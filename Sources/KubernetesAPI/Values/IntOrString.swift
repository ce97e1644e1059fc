import JSONDocument

/// A number, or text that is mostly a percentage or a port's name.
public enum IntOrString: Sendable, Hashable, CustomStringConvertible {
  case int(Int32)
  case string(String)

  /// Nil for JSON that is neither, and for integers beyond 32 bits.
  public init?(_ value: JSONValue?) {
    switch value {
    case .int(let number):
      guard let number = Int32(exactly: number) else { return nil }
      self = .int(number)
    case .double(let number):
      guard let number = Int32(exactly: number) else { return nil }
      self = .int(number)
    case .string(let text): self = .string(text)
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .int(let number): String(number)
    case .string(let text): text
    }
  }

  public var json: JSONValue {
    switch self {
    case .int(let number): .int(Int64(number))
    case .string(let text): .string(text)
    }
  }

  /// The number before `%`; nil for anything but digits with a percent sign.
  public var percent: Int? {
    guard case .string(let text) = self, text.utf8.last == UInt8(ascii: "%"),
      let number = Int(text.dropLast()), (0...1_000_000).contains(number)
    else { return nil }
    return number
  }

  /// The number itself, or the percentage of `total`; nil where the text is no percentage.
  public func scaled(of total: Int, roundUp: Bool) -> Int? {
    if case .int(let number) = self { return Int(number) }
    guard let percent else { return nil }
    let (product, overflow) = total.multipliedReportingOverflow(by: percent)
    guard !overflow else { return nil }
    return roundUp ? (product + 99) / 100 : product / 100
  }
}
