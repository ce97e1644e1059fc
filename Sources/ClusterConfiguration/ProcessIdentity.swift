import Foundation

/// A process, told from a later one that got the same number by the time it was started.
public struct ProcessIdentity: Sendable, Hashable {
  public var pid: Int32
  /// In clock ticks since boot: field 22 of /proc/PID/stat.
  public var startTime: UInt64

  public init(pid: Int32, startTime: UInt64) {
    self.pid = pid
    self.startTime = startTime
  }

  /// The running process with this number; nil if there is none, or only its unreaped remains.
  public static func running(pid: Int32) -> ProcessIdentity? {
    guard pid > 0, let stat = try? AtomicFile.read("/proc/\(pid)/stat"),
      let parsed = parse(stat: stat), parsed.state != "Z", parsed.state != "X"
    else { return nil }
    return ProcessIdentity(pid: pid, startTime: parsed.startTime)
  }

  public var isRunning: Bool { Self.running(pid: pid) == self }

  /// Sends a signal, unless the process has ended. False where nothing was sent.
  @discardableResult
  public func signal(_ number: Int32) -> Bool {
    isRunning && kill(pid, number) == 0
  }

  /// State and start time. The name in parentheses may itself hold spaces and parentheses, so
  /// fields are counted from the last one.
  static func parse(stat: String) -> (state: Substring, startTime: UInt64)? {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    // The state is field 3, so field 22 is the twentieth from here.
    guard fields.count >= 20, let startTime = UInt64(fields[19]) else { return nil }
    return (fields[0], startTime)
  }

  // MARK: Files

  /// What a pid file holds: number and start time.
  public var text: String { "\(pid) \(startTime)\n" }

  public init?(text: String) {
    let fields = text.split { $0 == " " || $0 == "\n" }
    guard fields.count == 2, let pid = Int32(fields[0]), pid > 0,
      let startTime = UInt64(fields[1])
    else { return nil }
    self.init(pid: pid, startTime: startTime)
  }

  /// The process that a pid file names, if it still runs.
  public static func running(pidFile: String) -> ProcessIdentity? {
    guard let text = try? AtomicFile.read(pidFile), let identity = ProcessIdentity(text: text),
      identity.isRunning
    else { return nil }
    return identity
  }
}

extension ProcessIdentity {
  /// The process with this number, also one that has ended and was not reaped yet.
  public static func existing(pid: Int32) -> ProcessIdentity? {
    guard pid > 0, let stat = try? AtomicFile.read("/proc/\(pid)/stat"),
      let parsed = parse(stat: stat)
    else { return nil }
    return ProcessIdentity(pid: pid, startTime: parsed.startTime)
  }
}
