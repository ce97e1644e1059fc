extension Quantity {
  public init?(parsing text: String) {
    guard case .success(let quantity) = Self.parse(text) else { return nil }
    self = quantity
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  /// Reads a quantity; more digits than billionths are rounded up, too large ones are capped.
  public static func parse(_ text: String) -> Result<Quantity, Problem> {
    let bytes = Array(text.utf8)
    var position = 0
    var negative = false
    guard let first = bytes.first else { return .failure(.format) }
    if first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      negative = first == UInt8(ascii: "-")
      position = 1
    }
    let whole = bytes[position...].prefix(while: isDigit)
    position += whole.count
    var fraction: ArraySlice<UInt8> = []
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      fraction = bytes[position...].prefix(while: isDigit)
      position += fraction.count
    }
    let suffix = bytes[position...]
    let letters = suffix.prefix { "eEinumkKMGTP".utf8.contains($0) }
    var rest = suffix.dropFirst(letters.count)
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      rest = rest.dropFirst()
    }
    guard rest.allSatisfy(isDigit) else { return .failure(.format) }
    // Without digits it is zero, as long as what stands for them makes sense.
    guard !bytes.isEmpty else { return .failure(.format) }
    guard let scale = scale(of: String(decoding: suffix, as: UTF8.self)) else {
      return .failure(.suffix)
    }
    let nano = magnitude(whole + fraction, fractionDigits: fraction.count, scale: scale)
    return .success(Quantity(nano: negative ? -nano : nano, format: scale.format))
  }

  private struct Scale {
    var format: Format
    var base: Int128
    var exponent: Int
  }

  private static func scale(of suffix: String) -> Scale? {
    switch suffix {
    case "": return Scale(format: .decimal, base: 10, exponent: 0)
    case "n": return Scale(format: .decimal, base: 10, exponent: -9)
    case "u": return Scale(format: .decimal, base: 10, exponent: -6)
    case "m": return Scale(format: .decimal, base: 10, exponent: -3)
    case "k": return Scale(format: .decimal, base: 10, exponent: 3)
    case "M": return Scale(format: .decimal, base: 10, exponent: 6)
    case "G": return Scale(format: .decimal, base: 10, exponent: 9)
    case "T": return Scale(format: .decimal, base: 10, exponent: 12)
    case "P": return Scale(format: .decimal, base: 10, exponent: 15)
    case "E": return Scale(format: .decimal, base: 10, exponent: 18)
    case "Ki": return Scale(format: .binary, base: 2, exponent: 10)
    case "Mi": return Scale(format: .binary, base: 2, exponent: 20)
    case "Gi": return Scale(format: .binary, base: 2, exponent: 30)
    case "Ti": return Scale(format: .binary, base: 2, exponent: 40)
    case "Pi": return Scale(format: .binary, base: 2, exponent: 50)
    case "Ei": return Scale(format: .binary, base: 2, exponent: 60)
    default:
      guard let letter = suffix.utf8.first,
        letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E"),
        let exponent = Int(suffix.dropFirst())
      else { return nil }
      return Scale(format: .exponent, base: 10, exponent: exponent)
    }
  }

  /// Billionths of the digits, capped at the maximum, rounded up.
  private static func magnitude(
    _ digits: ArraySlice<UInt8>, fractionDigits: Int, scale: Scale
  ) -> Int128 {
    var digits = digits.drop { $0 == UInt8(ascii: "0") }
    if digits.isEmpty { return 0 }
    // The value is digits * 10^(power) * binary.
    var power = 9 - fractionDigits
    var binary: Int128 = 1
    if scale.base == 2 {
      binary = Int128(1) << scale.exponent
    } else {
      power = max(min(power + scale.exponent, 100_000), -100_000)
    }
    var lost = false
    while digits.count > 30 {
      if digits.last != UInt8(ascii: "0") { lost = true }
      digits = digits.dropLast()
      power += 1
    }
    var value: Int128 = 0
    for byte in digits { value = value * 10 + Int128(byte - UInt8(ascii: "0")) }
    // Multiplying by the binary unit first keeps fractions such as 0.5Ki exact.
    var (product, overflow) = value.multipliedReportingOverflow(by: binary)
    if overflow {
      // Only amounts beyond the maximum, or ones with more digits than it has, come here.
      while overflow, power < 0 {
        if value % 10 != 0 { lost = true }
        value /= 10
        power += 1
        (product, overflow) = value.multipliedReportingOverflow(by: binary)
      }
      if overflow { return maximum }
    }
    while power > 0 {
      (product, overflow) = product.multipliedReportingOverflow(by: 10)
      if overflow || product > maximum { return maximum }
      power -= 1
    }
    while power < 0, product > 0 {
      if product % 10 != 0 { lost = true }
      product /= 10
      power += 1
    }
    if lost { product += 1 }
    return min(product, maximum)
  }

  /// A number that JSON has with a fraction or an exponent, as a quantity. A whole one was most
  /// likely written with an exponent, and keeps one; nil where it is too large to tell.
  static func text(of number: Double) -> String? {
    guard let whole = Int64(exactly: number) else { return nil }
    return Quantity(whole, format: .exponent).description
  }

  /// The canonical form: no fraction, the largest suffix that keeps it exact.
  public var description: String {
    if nano == 0 { return "0" }
    var format = format
    if format == .binary, !isInteger || abs(nano) < 1024 * Self.unit { format = .decimal }
    let sign = nano < 0 ? "-" : ""
    if format == .binary {
      var amount = abs(nano) / Self.unit
      var step = 0
      while amount % 1024 == 0, step < 6 {
        amount /= 1024
        step += 1
      }
      return sign + String(amount) + ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][step]
    }
    var amount = abs(nano)
    var step = 0
    while amount % 1000 == 0, step < 9 {
      amount /= 1000
      step += 1
    }
    if format == .exponent {
      let exponent = step * 3 - 9
      return sign + String(amount) + (exponent == 0 ? "" : "e\(exponent)")
    }
    return sign + String(amount) + ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"][step]
  }
}
