/// Names as the API makes them: letters that spell no words, digits that look like no letters.
enum NameSuffix {
  private static let alphabet = Array("bcdfghjklmnpqrstvwxz2456789".utf8)

  static func random() -> String {
    var bytes: [UInt8] = []
    for _ in 0..<5 { bytes.append(alphabet[Int.random(in: 0..<alphabet.count)]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `prefix` cut so that the whole is a name of at most 63 bytes.
  static func name(prefix: String) -> String {
    String(decoding: prefix.utf8.prefix(58), as: UTF8.self) + random()
  }

  /// The decimal digits of a hash, each as a letter of the alphabet.
  static func encoded(_ hash: UInt32) -> String {
    String(
      decoding: String(hash).utf8.map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
  }
}
