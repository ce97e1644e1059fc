/// Rows as kubectl prints them: columns as wide as their widest cell, three spaces between.
public enum ColumnText {
  public static func render(header: [String]?, rows: [[String]]) -> String {
    let all = (header.map { [$0] } ?? []) + rows
    let columns = all.map(\.count).max() ?? 0
    var widths = [Int](repeating: 0, count: columns)
    for row in all {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
    }
    return all.map { line($0, widths: widths) + "\n" }.joined()
  }

  /// One line, its cells padded to `widths`; a wider cell pushes the rest to the right.
  public static func line(_ cells: [String], widths: [Int]) -> String {
    var text = ""
    for (column, cell) in cells.enumerated() {
      text += cell
      if column < cells.count - 1 {
        let width = column < widths.count ? widths[column] : 0
        text += String(repeating: " ", count: max(0, width - cell.count) + 3)
      }
    }
    while text.last == " " { text.removeLast() }
    return text
  }
}
