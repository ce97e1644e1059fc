/// Finds the word that was probably meant.
public enum Suggestion {
  /// The candidate nearest to `word` by edit distance, if it is near enough to be a slip.
  public static func nearest(to word: String, among candidates: [String]) -> String? {
    guard word.count <= 64 else { return nil }
    let scored = candidates.map { (distance($0.lowercased(), word.lowercased()), $0) }
    guard let best = scored.min(by: { $0.0 < $1.0 }), best.0 <= max(2, best.1.count / 3) else {
      return nil
    }
    return best.1
  }

  /// Levenshtein: insertions, deletions and replacements of single characters.
  static func distance(_ left: String, _ right: String) -> Int {
    let rightCharacters = Array(right)
    var row = Array(0...rightCharacters.count)
    for (index, character) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for (column, other) in rightCharacters.enumerated() {
        let above = row[column + 1]
        row[column + 1] = min(above + 1, row[column] + 1, diagonal + (character == other ? 0 : 1))
        diagonal = above
      }
    }
    return row[rightCharacters.count]
  }
}
