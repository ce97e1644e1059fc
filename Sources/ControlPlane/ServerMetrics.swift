import EventStore
import Foundation
import Keyspace

/// What a server shows at `/metrics` besides its API's figures.
public enum ServerMetrics {
  public static func families(of replica: Replica) async -> [MetricFamily] {
    process() + (await replica.metrics())
  }

  /// The process, under the names that Prometheus' clients use, from Linux' /proc.
  static func process() -> [MetricFamily] {
    var families: [MetricFamily] = []
    func add(_ name: String, _ kind: MetricFamily.Kind, _ help: String, _ value: Double?) {
      guard let value else { return }
      var family = MetricFamily(name, kind, help)
      family.add(value)
      families.append(family)
    }
    let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    let fields = statFields()
    func field(_ number: Int) -> Double? {
      fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil
    }
    // Numbers of fields as proc_pid_stat(5) counts them.
    let cpu = field(14).flatMap { user in field(15).map { (user + $0) / ticks } }
    add("process_cpu_seconds_total", .counter, "CPU time, user and system.", cpu)
    add("process_threads", .gauge, "Threads.", field(20))
    add("process_virtual_memory_bytes", .gauge, "Virtual memory.", field(23))
    add(
      "process_resident_memory_bytes", .gauge, "Resident memory.",
      field(24).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) })
    let started = field(22).flatMap { start in bootSeconds().map { $0 + start / ticks } }
    add("process_start_time_seconds", .gauge, "When it was started, since 1970.", started)
    let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    // The one that lists them is not counted.
    add("process_open_fds", .gauge, "Open files.", descriptors.map { Double($0 - 1) })
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(7), &limit) == 0 {
      add("process_max_fds", .gauge, "Open files allowed.", Double(limit.rlim_cur))
    }
    return families
  }

  /// From the third on: the second, the program's name, may hold spaces and brackets.
  private static func statFields() -> [Substring] {
    guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return [] }
    return text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
  }

  private static func bootSeconds() -> Double? {
    let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8)
    return text?.split(separator: "\n").first { $0.hasPrefix("btime ") }
      .flatMap { Double($0.dropFirst(6)) }
  }
}
