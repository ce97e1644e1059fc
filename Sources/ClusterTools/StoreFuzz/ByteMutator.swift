import SeededRuns

/// Changes bytes in the ways in which decoders are known to go wrong: flipped bits, numbers at the
/// ends of their ranges, pieces that are cut, doubled, moved or taken from another example.
struct ByteMutator: Sendable {
  var random: SplitMix64

  mutating func changed(_ bytes: [UInt8], splicing others: [[UInt8]] = []) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.next(below: 4) { change(&bytes, others) }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8], _ others: [[UInt8]]) {
    guard !bytes.isEmpty else {
      bytes = noise(random.next(below: 64))
      return
    }
    switch random.next(below: 12) {
    case 0, 1: bytes[random.next(below: bytes.count)] ^= 1 << UInt8(random.next(below: 8))
    case 2: bytes[random.next(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
    case 3, 4: setNumber(&bytes)
    case 5: bytes.removeLast(random.next(below: bytes.count + 1))
    case 6:
      let piece = piece(of: bytes)
      bytes.removeSubrange(piece)
    case 7:
      let piece = Array(bytes[piece(of: bytes)])
      bytes.insert(contentsOf: piece, at: random.next(below: bytes.count + 1))
    case 8:
      bytes.insert(
        contentsOf: noise(1 + random.next(below: 16)), at: random.next(below: bytes.count + 1))
    case 9:
      let piece = piece(of: bytes)
      for position in piece { bytes[position] = random.next(below: 2) == 0 ? 0 : 0xFF }
    case 10:
      let other = others.isEmpty ? bytes : random.pick(others)
      guard !other.isEmpty else { return }
      bytes.replaceSubrange(piece(of: bytes), with: other[piece(of: other)])
    default:
      for _ in 0..<8 {
        bytes.swapAt(random.next(below: bytes.count), random.next(below: bytes.count))
      }
    }
  }

  /// One whose value is at the end of some range, or just beyond, in either order of bytes.
  private mutating func setNumber(_ bytes: inout [UInt8]) {
    let width = random.pick([1, 2, 4, 8])
    let number = random.pick([
      0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
      0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF, UInt64(bytes.count),
      UInt64(bytes.count) &+ 1, UInt64(random.next(below: bytes.count)),
    ])
    let isBigEndian = random.next(below: 2) == 0
    let start = random.next(below: bytes.count)
    for offset in 0..<width where start + offset < bytes.count {
      let place = isBigEndian ? width - 1 - offset : offset
      bytes[start + offset] = UInt8(truncatingIfNeeded: number >> UInt64(8 * place))
    }
  }

  private mutating func piece(of bytes: [UInt8]) -> Range<Int> {
    let start = random.next(below: bytes.count)
    let count = random.next(below: min(bytes.count - start, 200) + 1)
    return start..<(start + count)
  }

  mutating func noise(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }
}
