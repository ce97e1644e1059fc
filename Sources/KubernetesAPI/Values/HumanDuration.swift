/// Lengths of time as kubectl's tables show them.
public enum HumanDuration {
  /// Two units at most, fewer the longer it lasts: `5s`, `3m12s`, `14m`, `5h3m`, `27h`, `3d4h`,
  /// `120d`, `2y34d`, `9y`. The rule of apimachinery's `duration.HumanDuration`.
  public static func text(milliseconds: Int64) -> String {
    let seconds = milliseconds / 1000
    if seconds < -1 { return "<invalid>" }
    if seconds < 0 { return "0s" }
    if seconds < 120 { return "\(seconds)s" }
    let minutes = seconds / 60
    if minutes < 10 {
      let rest = seconds % 60
      return rest == 0 ? "\(minutes)m" : "\(minutes)m\(rest)s"
    }
    if minutes < 180 { return "\(minutes)m" }
    let hours = minutes / 60
    if hours < 8 {
      let rest = minutes % 60
      return rest == 0 ? "\(hours)h" : "\(hours)h\(rest)m"
    }
    if hours < 48 { return "\(hours)h" }
    if hours < 24 * 8 {
      let rest = hours % 24
      return rest == 0 ? "\(hours / 24)d" : "\(hours / 24)d\(rest)h"
    }
    if hours < 24 * 365 * 2 { return "\(hours / 24)d" }
    if hours < 24 * 365 * 8 {
      let days = hours / 24 % 365
      return days == 0 ? "\(hours / 24 / 365)y" : "\(hours / 24 / 365)y\(days)d"
    }
    return "\(hours / 24 / 365)y"
  }

  /// The age of something made at `time`; `<unknown>` where no time is known.
  public static func age(of time: Timestamp?, now: Timestamp) -> String {
    guard let time else { return "<unknown>" }
    return text(milliseconds: now.milliseconds(since: time))
  }
}
