/// How strictly pods of a namespace are held to the Pod Security Standards, and by which version.
struct SecurityLevel: Sendable, Hashable, CustomStringConvertible {
  enum Level: String, Sendable, Comparable {
    case privileged, baseline, restricted

    private var rank: Int {
      switch self {
      case .privileged: 0
      case .baseline: 1
      case .restricted: 2
      }
    }

    static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
  }

  /// The minor version of 1.x; nil for the latest.
  var version: Int?
  var level: Level

  init(_ level: Level, version: Int? = nil) {
    self.level = level
    self.version = version
  }

  /// Names the level as labels do, e.g. `restricted:v1.24`.
  var description: String { "\(level.rawValue):\(version.map { "v1.\($0)" } ?? "latest")" }

  static let prefix = "pod-security.kubernetes.io/"
  static let invalidLevel = "must be one of privileged, baseline, restricted"
  static let invalidVersion = "must be \"latest\" or \"v1.x\""

  /// The level that labels ask for in one of the modes `enforce`, `audit`, `warn`. What can't be
  /// read counts as upstream counts it: an unknown level as restricted, a version as the latest.
  init(labels: [String: String], mode: String) {
    let name = labels[Self.prefix + mode]
    level = name.map { Level(rawValue: $0) ?? .restricted } ?? .privileged
    version = labels["\(Self.prefix)\(mode)-version"].flatMap(Self.minor) ?? nil
  }

  /// Nil inside for `latest`; nil for what is no version.
  static func minor(_ text: String) -> Int?? {
    if text == "latest" { return .some(nil) }
    guard text.hasPrefix("v1.") else { return nil }
    let digits = text.dropFirst(3)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
      digits == "0" || digits.first != "0", let minor = Int(digits)
    else { return nil }
    return .some(minor)
  }

  /// Whether the version has what `minor` brought.
  func has(_ minor: Int) -> Bool { version.map { $0 >= minor } ?? true }
}
