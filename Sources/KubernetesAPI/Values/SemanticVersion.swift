/// A version by the rules of semver.org 2.0: `1.2.3-rc.1+build`.
public struct SemanticVersion: Sendable, Hashable, Comparable {
  public var major: UInt64
  public var minor: UInt64
  public var patch: UInt64
  public var prerelease: [String]

  /// - Parameter normalizing: take a leading `v`, and numbers that are missing or begin with
  ///   zeros.
  public init?(parsing text: String, normalizing: Bool = false) {
    var rest = Substring(text)
    if normalizing, rest.first == "v" { rest.removeFirst() }
    if let plus = rest.firstIndex(of: "+") {
      let build = rest[rest.index(after: plus)...]
      guard Self.areIdentifiers(build) else { return nil }
      rest = rest[..<plus]
    }
    prerelease = []
    if let dash = rest.firstIndex(of: "-") {
      let tail = rest[rest.index(after: dash)...]
      guard Self.areIdentifiers(tail) else { return nil }
      prerelease = tail.split(separator: ".").map(String.init)
      guard prerelease.allSatisfy({ !($0.count > 1 && $0.first == "0" && UInt64($0) != nil) })
      else { return nil }
      rest = rest[..<dash]
    }
    var numbers: [UInt64] = []
    for part in rest.split(separator: ".", omittingEmptySubsequences: false) {
      guard !part.isEmpty, part.allSatisfy({ $0.isASCII && $0.isNumber }),
        let number = UInt64(part), normalizing || part == "0" || part.first != "0"
      else { return nil }
      numbers.append(number)
    }
    if normalizing { while (1...2).contains(numbers.count) { numbers.append(0) } }
    guard numbers.count == 3 else { return nil }
    (major, minor, patch) = (numbers[0], numbers[1], numbers[2])
  }

  private static func areIdentifiers(_ text: Substring) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    }
  }

  public static func < (left: Self, right: Self) -> Bool {
    let a = (left.major, left.minor, left.patch)
    let b = (right.major, right.minor, right.patch)
    if a != b { return a < b }
    if left.prerelease.isEmpty || right.prerelease.isEmpty {
      return !left.prerelease.isEmpty && right.prerelease.isEmpty
    }
    for (x, y) in zip(left.prerelease, right.prerelease) where x != y {
      switch (UInt64(x), UInt64(y)) {
      case (let x?, let y?): return x < y
      case (_?, nil): return true
      case (nil, _?): return false
      case (nil, nil): return x < y
      }
    }
    return left.prerelease.count < right.prerelease.count
  }
}
