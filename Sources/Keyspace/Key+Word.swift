extension Key {
  /// Eight bytes as a number that sorts as they do. Where a key ends there are zeros, which other keys
  /// may have as bytes: the same number does not mean the same key.
  public func word(at offset: Int) -> UInt64 {
    bytes.withUnsafeBytes { bytes in
      if bytes.count - offset >= 8 {
        return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      }
      var word: UInt64 = 0
      for index in offset..<(offset + 8) {
        word = word << 8 | UInt64(index < bytes.count ? bytes[index] : 0)
      }
      return word
    }
  }
}
