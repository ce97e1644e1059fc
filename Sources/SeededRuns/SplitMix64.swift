/// Numbers that depend on nothing but a seed: the generator of Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators" (2014). One word of state, all 2^64 values in one
/// period.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// A generator of its own for each `stream` of one seed.
  public init(seed: UInt64, stream: UInt64) {
    state = seed
    state = next() ^ (stream &* 0xD6E8_FEB8_6659_FD93)
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// In `0 ..< bound`, or 0 where the bound is not positive. The bias of the remainder is of no
  /// concern for bounds far below 2^64.
  public mutating func next(below bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

  /// One of `elements`, which are not empty.
  public mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[next(below: elements.count)]
  }
}
