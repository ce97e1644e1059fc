import Foundation

/// What the kernel counts of a process, from /proc.
struct ProcessFigures: Sendable {
  var cpuSeconds: Double
  var residentMegabytes: Double
  /// What it had written to disks, also where it was overwritten or removed soon after.
  var writtenBytes: Double

  /// `nil` where there is no such process.
  static func of(_ pid: Int32) -> ProcessFigures? {
    guard let stat = text("/proc/\(pid)/stat"), let status = text("/proc/\(pid)/status"),
      let end = stat.lastIndex(of: ")")
    else { return nil }
    // proc(5): behind the name in parentheses come the fields from the third; utime and stime are
    // the 14th and 15th, in clock ticks.
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      return nil
    }
    let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }?
      .split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Double($0) }
    let written = text("/proc/\(pid)/io")?.split(separator: "\n")
      .first { $0.hasPrefix("write_bytes:") }?.split(separator: " ").last.flatMap { Double($0) }
    return ProcessFigures(
      cpuSeconds: (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))),
      residentMegabytes: (resident ?? 0) * 1024 / 1e6, writtenBytes: written ?? 0)
  }

  /// Of those that there are.
  static func of(_ processes: [Int32]) -> [ProcessFigures] { processes.compactMap { of($0) } }

  private static func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
  }
}

extension [ProcessFigures] {
  var cpuSeconds: Double { reduce(0) { $0 + $1.cpuSeconds } }
  var writtenBytes: Double { reduce(0) { $0 + $1.writtenBytes } }
}
