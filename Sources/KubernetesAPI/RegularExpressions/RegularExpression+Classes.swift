extension RegularExpression.Parser {
  private static let digits = ScalarSet([0x30...0x39])
  private static let spaces = ScalarSet([9...10, 12...13, 0x20...0x20])
  private static let words = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])

  private static let named: [String: ScalarSet] = [
    "alnum": ScalarSet([0x30...0x39, 0x41...0x5A, 0x61...0x7A]),
    "alpha": ScalarSet([0x41...0x5A, 0x61...0x7A]), "ascii": ScalarSet([0...0x7F]),
    "blank": ScalarSet([9...9, 0x20...0x20]), "cntrl": ScalarSet([0...0x1F, 0x7F...0x7F]),
    "digit": digits, "graph": ScalarSet([0x21...0x7E]), "lower": ScalarSet([0x61...0x7A]),
    "print": ScalarSet([0x20...0x7E]),
    "punct": ScalarSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]),
    "space": ScalarSet([9...13, 0x20...0x20]), "upper": ScalarSet([0x41...0x5A]),
    "word": words, "xdigit": ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66]),
  ]

  /// A class that a letter behind a backslash stands for.
  private static func perlClass(_ letter: Unicode.Scalar) -> ScalarSet? {
    switch letter {
    case "d": digits
    case "D": digits.inverted
    case "s": spaces
    case "S": spaces.inverted
    case "w": words
    case "W": words.inverted
    default: nil
    }
  }

  mutating func escape(from start: Int) throws(RegularExpression.Problem) -> RegularExpression.Node
  {
    guard let letter = next else {
      throw problem("trailing backslash at end of expression", from: start, to: start)
    }
    if let set = Self.perlClass(letter) {
      position += 1
      return .set(folded(set))
    }
    switch letter {
    case "A":
      position += 1
      return .assert(.textStart)
    case "z":
      position += 1
      return .assert(.textEnd)
    case "b":
      position += 1
      return .assert(.wordBoundary)
    case "B":
      position += 1
      return .assert(.noWordBoundary)
    case "Q":
      position += 1
      var nodes: [RegularExpression.Node] = []
      while position < text.count {
        if text[position] == "\\", position + 1 < text.count, text[position + 1] == "E" {
          position += 2
          break
        }
        nodes.append(.set(folded(ScalarSet(text[position]))))
        position += 1
      }
      return .sequence(nodes)
    case "p", "P": return .set(folded(try unicodeClass(from: start)))
    default: return .set(folded(ScalarSet(try escapedScalar(from: start))))
    }
  }

  /// One character behind a backslash.
  private mutating func escapedScalar(from start: Int) throws(RegularExpression.Problem)
    -> Unicode.Scalar
  {
    guard let letter = next else {
      throw problem("trailing backslash at end of expression", from: start, to: start)
    }
    position += 1
    switch letter {
    case "a": return "\u{07}"
    case "f": return "\u{0C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "v": return "\u{0B}"
    case "x":
      var digits = ""
      if take("{") {
        while let scalar = next, scalar != "}" {
          digits.unicodeScalars.append(scalar)
          position += 1
        }
        guard take("}") else { throw problem("invalid escape sequence", from: start) }
      } else {
        for _ in 0..<2 {
          guard let scalar = next else { break }
          digits.unicodeScalars.append(scalar)
          position += 1
        }
      }
      guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
        throw problem("invalid escape sequence", from: start)
      }
      return scalar
    case "0"..."7":
      // A single digit from 1 would be a reference to a group, which RE2 does not have.
      var digits = String(letter)
      while digits.count < 3, let scalar = next, ("0"..."7").contains(scalar) {
        digits.unicodeScalars.append(scalar)
        position += 1
      }
      guard letter == "0" || digits.count > 1, let value = UInt32(digits, radix: 8),
        let scalar = Unicode.Scalar(value)
      else { throw problem("invalid escape sequence", from: start) }
      return scalar
    default:
      let isWord = letter.properties.isAlphabetic || ("0"..."9").contains(letter)
      guard letter.isASCII, !isWord else { throw problem("invalid escape sequence", from: start) }
      return letter
    }
  }

  mutating func bracket(from start: Int) throws(RegularExpression.Problem) -> ScalarSet {
    let isInverted = take("^")
    var set = ScalarSet()
    var isFirst = true
    while true {
      guard let scalar = next else {
        throw problem("missing closing ]", from: start, to: text.count)
      }
      if scalar == "]", !isFirst {
        position += 1
        break
      }
      isFirst = false
      let itemStart = position
      if scalar == "[", position + 1 < text.count, text[position + 1] == ":" {
        if let named = try namedClass() {
          set.insert(named)
          continue
        }
      }
      if scalar == "\\", position + 1 < text.count {
        if let perl = Self.perlClass(text[position + 1]) {
          position += 2
          set.insert(perl)
          continue
        }
        if text[position + 1] == "p" || text[position + 1] == "P" {
          position += 1
          set.insert(try unicodeClass(from: itemStart))
          continue
        }
      }
      let low = try classScalar()
      guard next == "-", position + 1 < text.count, text[position + 1] != "]" else {
        set.insert(ScalarSet(low))
        continue
      }
      position += 1
      let high = try classScalar()
      guard low.value <= high.value else {
        throw problem("invalid character class range", from: itemStart)
      }
      set.insert(ScalarSet([low.value...high.value]))
    }
    let folded = folded(set)
    return isInverted ? folded.inverted : folded
  }

  private mutating func classScalar() throws(RegularExpression.Problem) -> Unicode.Scalar {
    let start = position
    guard let scalar = next else {
      throw problem("missing closing ]", from: start, to: text.count)
    }
    position += 1
    return scalar == "\\" ? try escapedScalar(from: start) : scalar
  }

  private mutating func namedClass() throws(RegularExpression.Problem) -> ScalarSet? {
    let start = position
    var end = position + 2
    while end + 1 < text.count, !(text[end] == ":" && text[end + 1] == "]") { end += 1 }
    guard end + 1 < text.count else { return nil }
    var name = part(from: start + 2, to: end)
    let isInverted = name.hasPrefix("^")
    if isInverted { name.removeFirst() }
    position = end + 2
    guard let set = Self.named[name] else {
      throw problem("invalid character class range", from: start)
    }
    return isInverted ? set.inverted : set
  }

  /// `\pL`, `\p{Lu}`, `\p{Greek}`, and their opposites with `P` or `^`.
  private mutating func unicodeClass(from start: Int) throws(RegularExpression.Problem)
    -> ScalarSet
  {
    var isInverted = next == "P"
    position += 1
    var name = ""
    if take("{") {
      while let scalar = next, scalar != "}" {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      guard take("}") else { throw problem("invalid character class range", from: start) }
    } else if let scalar = next {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    if name.hasPrefix("^") {
      isInverted.toggle()
      name.removeFirst()
    }
    guard let set = UnicodeClasses.set(name) else {
      throw problem("invalid character class range", from: start)
    }
    return isInverted ? set.inverted : set
  }
}

/// Classes of Unicode by their names.
enum UnicodeClasses {
  static func set(_ name: String) -> ScalarSet? {
    if name == "Any" { return .all }
    if let script = scripts[name] { return script }
    guard let categories = categories[name] else { return nil }
    var ranges: [ClosedRange<UInt32>] = []
    // Planes 3 to 13 and 15 on hold ideographs, nothing and private use alone.
    for value in UInt32(0)...0x1_FFFF {
      guard let scalar = Unicode.Scalar(value),
        categories.contains(scalar.properties.generalCategory)
      else { continue }
      if let last = ranges.last, last.upperBound + 1 == value {
        ranges[ranges.count - 1] = last.lowerBound...value
      } else {
        ranges.append(value...value)
      }
    }
    if categories.contains(.otherLetter) { ranges.append(0x2_0000...0x3_134A) }
    return ScalarSet(ranges)
  }

  private static let categories: [String: Set<Unicode.GeneralCategory>] = [
    "L": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter],
    "Lu": [.uppercaseLetter], "Ll": [.lowercaseLetter], "Lt": [.titlecaseLetter],
    "Lm": [.modifierLetter], "Lo": [.otherLetter],
    "M": [.nonspacingMark, .spacingMark, .enclosingMark], "Mn": [.nonspacingMark],
    "Mc": [.spacingMark], "Me": [.enclosingMark],
    "N": [.decimalNumber, .letterNumber, .otherNumber], "Nd": [.decimalNumber],
    "Nl": [.letterNumber], "No": [.otherNumber],
    "P": [
      .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation,
    ],
    "Pc": [.connectorPunctuation], "Pd": [.dashPunctuation], "Ps": [.openPunctuation],
    "Pe": [.closePunctuation], "Pi": [.initialPunctuation], "Pf": [.finalPunctuation],
    "Po": [.otherPunctuation],
    "S": [.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol], "Sm": [.mathSymbol],
    "Sc": [.currencySymbol], "Sk": [.modifierSymbol], "So": [.otherSymbol],
    "Z": [.spaceSeparator, .lineSeparator, .paragraphSeparator], "Zs": [.spaceSeparator],
    "Zl": [.lineSeparator], "Zp": [.paragraphSeparator],
    "C": [.control, .format, .surrogate, .privateUse], "Cc": [.control], "Cf": [.format],
    "Cs": [.surrogate], "Co": [.privateUse],
  ]

  /// The blocks of the scripts that are in common use; Unicode's own tables are finer.
  private static let scripts: [String: ScalarSet] = [
    "Latin": ScalarSet([
      0x41...0x5A, 0x61...0x7A, 0xAA...0xAA, 0xBA...0xBA, 0xC0...0xD6, 0xD8...0xF6,
      0xF8...0x2B8, 0x1E00...0x1EFF, 0x2C60...0x2C7F, 0xA722...0xA787, 0xFF21...0xFF3A,
      0xFF41...0xFF5A,
    ]),
    "Greek": ScalarSet([
      0x370...0x373, 0x375...0x377, 0x37A...0x37D, 0x37F...0x37F, 0x384...0x384, 0x386...0x386,
      0x388...0x3E1, 0x3F0...0x3FF, 0x1F00...0x1FFE,
    ]),
    "Cyrillic": ScalarSet([0x400...0x52F, 0x1C80...0x1C88, 0x2DE0...0x2DFF, 0xA640...0xA69F]),
    "Arabic": ScalarSet([0x600...0x604, 0x606...0x6FF, 0x750...0x77F, 0xFB50...0xFDFF]),
    "Hebrew": ScalarSet([0x591...0x5F4, 0xFB1D...0xFB4F]),
    "Han": ScalarSet([
      0x2E80...0x2FD5, 0x3005...0x3005, 0x3007...0x3007, 0x3021...0x3029, 0x3038...0x303B,
      0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAD9, 0x2_0000...0x3_134A,
    ]),
    "Hiragana": ScalarSet([0x3041...0x3096, 0x309D...0x309F]),
    "Katakana": ScalarSet([0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9D]),
    "Hangul": ScalarSet([0x1100...0x11FF, 0x3131...0x318E, 0xAC00...0xD7A3]),
    "Thai": ScalarSet([0xE01...0xE3A, 0xE40...0xE5B]),
  ]
}
