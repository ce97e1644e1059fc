/// Reads durations and sizes as people write them.
enum Quantity {
  /// `90s`, `15m`, `12h`, `7d`; several may follow each other (`1d12h`). Nil for anything else and
  /// for what does not fit.
  static func seconds(_ text: String) -> Int? {
    let units: [UInt8: Int] = [115: 1, 109: 60, 104: 3600, 100: 86400]
    var total = 0
    var number: Int?
    for byte in text.utf8 {
      if (48...57).contains(byte) {
        let (scaled, overflow) = (number ?? 0).multipliedReportingOverflow(by: 10)
        let (sum, carried) = scaled.addingReportingOverflow(Int(byte) - 48)
        guard !overflow, !carried else { return nil }
        number = sum
      } else {
        guard let unit = units[byte], let count = number else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit)
        let (sum, carried) = total.addingReportingOverflow(product)
        guard !overflow, !carried else { return nil }
        total = sum
        number = nil
      }
    }
    return number == nil && !text.isEmpty ? total : nil
  }

  /// `512MiB`, `4GiB`, `2GB`, `1Gi`, or a plain number of bytes. Nil for anything else.
  static func bytes(_ text: String) -> Int? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    guard let number = Int(digits) else { return nil }
    var unit = text.dropFirst(digits.count)
    while unit.first == " " { unit.removeFirst() }
    let units: [Substring: Int] = [
      "": 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000,
      "TB": 1_000_000_000_000, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
      "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
    ]
    guard let factor = units[unit] else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }
}
