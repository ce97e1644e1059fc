/// Where each entry lies, and which term it has: some 50 bytes of memory a block.
struct LogIndex: Sendable {
  struct BlockPlace: Sendable, Hashable {
    var segment: UInt64
    var offset: Int
    var size: Int
    /// The entries of it that are in force.
    var first: UInt64
    var last: UInt64
  }

  private struct Run: Sendable {
    var first: UInt64
    var term: UInt64
  }

  /// The entry before the first one.
  private(set) var base: LogPosition
  private(set) var last: LogPosition
  /// Contiguous and in order.
  private(set) var blocks: [BlockPlace] = []
  private var runs: [Run] = []

  init(base: LogPosition) {
    self.base = base
    last = base
  }

  func term(at index: UInt64) -> UInt64? {
    if index == base.index { return base.term }
    guard index > base.index, index <= last.index else { return nil }
    var low = 0
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].first <= index { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? runs[low - 1].term : nil
  }

  /// Position in `blocks` of the one that holds `index`.
  func blockIndex(of index: UInt64) -> Int? {
    var low = 0
    var high = blocks.count
    while low < high {
      let middle = (low + high) / 2
      if blocks[middle].last < index { low = middle + 1 } else { high = middle }
    }
    return low < blocks.count && blocks[low].first <= index ? low : nil
  }

  /// Takes the next entry; returns what is wrong with it, if anything.
  mutating func append(_ entry: LogPosition) -> String? {
    guard entry.index == last.index &+ 1 else {
      return "entry \(entry.index) follows entry \(last.index)"
    }
    guard entry.term >= last.term else {
      return "entry \(entry.index) of term \(entry.term) follows one of term \(last.term)"
    }
    if runs.last?.term != entry.term { runs.append(Run(first: entry.index, term: entry.term)) }
    last = entry
    return nil
  }

  /// Records where entries that were appended lie.
  mutating func place(_ place: BlockPlace) { blocks.append(place) }

  /// Ends the log at `end`; returns what is wrong with that, if anything.
  mutating func cut(to end: LogPosition) -> String? {
    guard end.index <= last.index else {
      return "the log is cut at \(end.index), though it ends at \(last.index)"
    }
    if end.index < base.index {
      // The segments that held the entries before were removed after this cut was made.
      self = LogIndex(base: end)
      return nil
    }
    guard term(at: end.index) == end.term else {
      return "the log is cut at \(end.index) of term \(end.term), which is not its entry there"
    }
    while let block = blocks.last, block.first > end.index { blocks.removeLast() }
    if let block = blocks.last, block.last > end.index { blocks[blocks.count - 1].last = end.index }
    while let run = runs.last, run.first > end.index { runs.removeLast() }
    last = end
    return nil
  }

  /// Forgets entries in segments below `segment`.
  mutating func remove(segmentsBefore segment: UInt64) {
    let kept = blocks.firstIndex { $0.segment >= segment } ?? blocks.count
    guard kept > 0 else { return }
    let end = blocks[kept - 1].last
    guard let term = term(at: end) else { return }
    base = LogPosition(index: end, term: term)
    blocks.removeFirst(kept)
    let stale = runs.lastIndex { $0.first <= end &+ 1 } ?? 0
    runs.removeFirst(stale)
  }

  /// The last entry in force of `segment`; `nil` where it has none.
  func lastEntry(in segment: UInt64) -> UInt64? {
    blocks.last { $0.segment == segment }?.last
  }
}
