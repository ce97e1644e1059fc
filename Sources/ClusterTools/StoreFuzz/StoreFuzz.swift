import SeededRuns

/// Something that reads bytes, and must bear any.
protocol FuzzTarget: Sendable {
  var name: String { get }
  /// Makes a case and tries it. Errors that the reader throws are what it should do; others than
  /// those are thrown on.
  func run(_ mutator: inout ByteMutator) throws
}

/// Feeds changed bytes to everything in this program that reads bytes of a disk or of the network.
///
/// A case follows from its seed and its number alone, so that one can be tried again by itself.
public struct StoreFuzz: Sendable {
  struct Wrong: Error, CustomStringConvertible { var description: String }

  public struct Outcome: Sendable {
    /// By target.
    public var cases: [String: Int] = [:]
    public var violations: [String] = []
    public var total: Int { cases.values.reduce(0, +) }
  }

  public var folder: String
  public var seed: UInt64
  public var first: Int
  public var count: Int

  /// - Parameter folder: for files that are changed; must exist.
  public init(folder: String, seed: UInt64, first: Int = 0, count: Int) {
    self.folder = folder
    self.seed = seed
    self.first = first
    self.count = count
  }

  /// Files cost a thousand times as much as memory.
  private static let fileCasesPerMille = 2

  public func run(progress: (String) -> Void = { _ in }) throws -> Outcome {
    CrashReport.install(
      CrashReport.Wording(
        before: "\nan assertion failed; again with: tools/fuzz-store --count 1 --seed ",
        between: " --from "))
    let memory: [any FuzzTarget] = [PeerFuzz(), try LogFuzz(), try BodyFuzz()]
    let files = try FileFuzz(folder: folder)
    var outcome = Outcome()
    for number in first..<(first + count) {
      CrashReport.begins(seed, number: UInt64(number))
      var mutator = ByteMutator(random: SplitMix64(seed: seed, stream: UInt64(number)))
      let isFile = mutator.random.next(below: 1_000) < Self.fileCasesPerMille
      let target: any FuzzTarget = isFile ? files : mutator.random.pick(memory)
      do { try target.run(&mutator) } catch let wrong as Wrong {
        outcome.violations.append("case \(number) (\(target.name)): \(wrong)")
        if outcome.violations.count >= 20 { break }
      }
      outcome.cases[target.name, default: 0] += 1
      if (number - first + 1).isMultiple(of: 100_000) { progress("\(number - first + 1) cases") }
    }
    CrashReport.ends()
    return outcome
  }
}
