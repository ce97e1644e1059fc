/// Watches over free space, so that writes are refused while there is still enough of it to
/// finish and clean up what is under way.
///
/// Used by one thread.
final class SpaceGuard {
  /// Looked at this often.
  private static let intervalNanoseconds: UInt64 = 500_000_000

  private let directory: DataDirectory
  private var isFull = false
  private(set) var nextCheck: UInt64 = 0

  init(directory: DataDirectory) { self.directory = directory }

  var path: String { directory.path }

  /// A write found the disk full.
  func ranFull() {
    isFull = true
    nextCheck = 0
  }

  /// Whether the disk counts as full, if that has changed; looks no more often than the interval.
  func check() -> Bool? {
    let now = monotonicNanoseconds()
    guard now >= nextCheck else { return nil }
    nextCheck = now + Self.intervalNanoseconds
    guard let space = directory.space() else { return nil }
    let floor = Self.floor(total: space.total)
    // Twice the floor to begin again, so that it doesn't flicker.
    let nowFull = isFull ? space.free < floor * 2 : space.free < floor
    guard nowFull != isFull else { return nil }
    isFull = nowFull
    return nowFull
  }

  /// Bytes kept free: a twentieth of the disk, within 1 and 64 MiB.
  static func floor(total: UInt64) -> UInt64 { min(max(total / 20, 1 << 20), 64 << 20) }
}
