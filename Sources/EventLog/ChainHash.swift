/// The running hash that ties each record to all before it, so that one that is removed, moved
/// or replaced shows even where its own checksum is right.
///
/// Words of eight bytes are folded in by 64×64→128-bit multiplication, as in wyhash (Wang Yi).
/// `Docs/log-format.md` has it step by step. It guards against faults, not against forgery.
enum ChainHash {
  static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right ^ 0x8BB8_4B93_962E_ACC9)
    return product.high ^ product.low ^ right
  }

  static func next(
    after chain: UInt64, type: UInt8, kind: UInt8, term: UInt64, index: UInt64,
    payload: UnsafeRawBufferPointer
  ) -> UInt64 {
    var state = mix(chain ^ 0xA076_1D64_78BD_642F, UInt64(type) | UInt64(kind) << 8)
    state = mix(state ^ term, 0xE703_7ED1_A0B4_28DB)
    state = mix(state ^ index, 0x8EBC_6AF0_9C88_C6E3)
    state = mix(state ^ 0x2D35_8DCC_AA6C_78A5, UInt64(payload.count))
    var offset = 0
    while payload.count - offset >= 8 {
      let word = payload.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      state = mix(state ^ UInt64(littleEndian: word), 0x4B33_A62E_D433_D4A3)
      offset &+= 8
    }
    var tail: UInt64 = 0
    while offset < payload.count {
      tail = tail << 8 | UInt64(payload[offset])
      offset &+= 1
    }
    return mix(state ^ tail, 0x4D5A_2DA5_1DE1_AA47)
  }
}
