import Testing

@testable import ChildProcesses

@Suite struct ProgramPagesTests {
  /// The start of a mapping as the kernel describes it, with the figures that are looked at.
  private static func mapping(
    _ range: String, _ permissions: String, inode: Int, dirty: Int = 0, anonymous: Int = 0
  ) -> String {
    """
    \(range) \(permissions) 00000000 fe:01 \(inode)                     /usr/lib/a b.so
    Size:               1000 kB
    Rss:                 900 kB
    Private_Clean:         0 kB
    Private_Dirty:         \(dirty) kB
    Anonymous:             \(anonymous) kB
    VmFlags: rd ex mr mw me

    """
  }

  @Test func onlyUnchangedCodeOfFilesIsFound() {
    let smaps =
      Self.mapping("1000-3000", "r-xp", inode: 7)
      + Self.mapping("3000-4000", "r--p", inode: 7)
      + Self.mapping("4000-5000", "rw-p", inode: 7, dirty: 4, anonymous: 4)
      + Self.mapping("5000-6000", "r-xp", inode: 8, dirty: 4)
      + Self.mapping("6000-7000", "r-xp", inode: 8, anonymous: 4)
      + Self.mapping("7000-8000", "r-xp", inode: 0)
      + Self.mapping("ffffffffff600000-ffffffffff601000", "r-xp", inode: 9)
    #expect(
      ProgramPages.unchangedCode(smaps: smaps) == [
        0x1000..<0x3000, 0xffff_ffff_ff60_0000..<0xffff_ffff_ff60_1000,
      ])
  }

  @Test(arguments: ["", "\n", "nonsense\nRss:\n", "1000-3000 r-xp", "9-1 r-xp 0 0 5 a\n"])
  func whatIsNotUnderstoodIsLeftAlone(smaps: String) {
    #expect(ProgramPages.unchangedCode(smaps: smaps).isEmpty)
  }

  @Test func aProcessRunsOnWithoutThem() throws {
    let smaps = String(decoding: try #require(KernelFile.read("/proc/self/smaps")), as: UTF8.self)
    #expect(!ProgramPages.unchangedCode(smaps: smaps).isEmpty)
    ProgramPages.giveBack()
    #expect("still \(here())" == "still here")
  }

  @inline(never) private func here() -> String { "here" }
}
