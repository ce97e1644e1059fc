/// The hash by which replicas notice that their states differ: the same on every machine and
/// in every run, unlike `Hasher`.
///
/// Each entry and each remembered request has a hash of its own, and the state's is their sum
/// modulo 2^64, so a change costs only what it touches. The bytes are folded eight at a time by
/// 64×64→128-bit multiplication, as in wyhash (Wang Yi). It guards against faults, not against
/// somebody who looks for collisions.
enum StateHash {
  static func hash(_ entry: Entry) -> UInt64 {
    var state = mix(entry.createRevision ^ 0xA076_1D64_78BD_642F, entry.modRevision ^ 0x5851)
    state = fold(entry.key.bytes, into: state)
    return fold(entry.value, into: state)
  }

  static func hash(requestID: UInt64, _ result: TransactionResult) -> UInt64 {
    switch result {
    case .committed(let revision):
      return mix(requestID ^ 0xE703_7ED1_A0B4_28DB, revision ^ 0x8EBC_6AF0_9C88_C6E3)
    case .conflict(let key, let actual):
      return fold(key.bytes, into: mix(requestID ^ 0x5899_65CC_7537_4CC3, actual ^ 0x1D8E))
    }
  }

  static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right ^ 0x8BB8_4B93_962E_ACC9)
    return product.high ^ product.low ^ right
  }

  static func fold(_ bytes: [UInt8], into seed: UInt64) -> UInt64 {
    bytes.withUnsafeBytes { buffer in
      var state = mix(seed ^ 0x2D35_8DCC_AA6C_78A5, UInt64(buffer.count))
      var offset = 0
      while offset + 8 <= buffer.count {
        let word = buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        state = mix(state ^ UInt64(littleEndian: word), 0x4B33_A62E_D433_D4A3)
        offset += 8
      }
      var tail: UInt64 = 0
      while offset < buffer.count {
        tail = tail << 8 | UInt64(buffer[offset])
        offset += 1
      }
      return mix(state ^ tail, 0x4D5A_2DA5_1DE1_AA47)
    }
  }
}
