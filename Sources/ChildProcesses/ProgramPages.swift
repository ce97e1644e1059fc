import Glibc

/// The code of this process, and of its libraries, in memory.
///
/// Much of it runs while a server starts and then no more: the dynamic linker's relocation, reading
/// of configuration, keys and the stored state. Its pages are those of the files, so they are given
/// back once the server is ready, and again after bursts of work; what is needed all the same is
/// mapped again when it runs, mostly from the system's cache.
public enum ProgramPages {
  /// Where code is mapped of which no page differs from its file: where one does, as below a
  /// debugger's breakpoint, the file's would be the wrong one.
  ///
  /// - Parameter smaps: of a process, as proc_pid_smaps(5) describes it.
  static func unchangedCode(smaps: some StringProtocol) -> [Range<UInt>] {
    var found: [Range<UInt>] = []
    var current: Range<UInt>?
    for line in smaps.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let first = words.first else { continue }
      if first.hasSuffix(":") {
        let isChange = first == "Private_Dirty:" || first == "Anonymous:"
        if isChange, words.count < 2 || words[1] != "0" { current = nil }
      } else {
        current.map { found.append($0) }
        current = code(words)
      }
    }
    current.map { found.append($0) }
    return found
  }

  /// The addresses of a mapping that is of a file, can be run and not be written.
  private static func code(_ words: [some StringProtocol]) -> Range<UInt>? {
    // Address, permissions, offset, device, inode, path.
    guard words.count >= 6, words[1] == "r-xp", words[4] != "0" else { return nil }
    let bounds = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    guard bounds.count == 2, bounds[0] < bounds[1] else { return nil }
    return bounds[0]..<bounds[1]
  }

  /// Gives back all of it. Where the system does not tell what is mapped, it stays.
  public static func giveBack() {
    guard let smaps = KernelFile.read("/proc/self/smaps") else { return }
    for range in unchangedCode(smaps: String(decoding: smaps, as: UTF8.self)) {
      madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
    }
  }
}
