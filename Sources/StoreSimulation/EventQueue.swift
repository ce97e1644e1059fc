/// What happens when: a binary heap, in which events of one time keep the order of their
/// scheduling.
struct EventQueue<Event> {
  private struct Item {
    var time: Int
    var sequence: Int
    var event: Event

    static func < (left: Item, right: Item) -> Bool {
      (left.time, left.sequence) < (right.time, right.sequence)
    }
  }

  private var heap: [Item] = []
  private var sequence = 0

  mutating func push(_ event: Event, at time: Int) {
    sequence += 1
    heap.append(Item(time: time, sequence: sequence, event: event))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child] < heap[parent] else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> (time: Int, event: Event)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return (first.time, first.event) }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child] < heap[least] {
        least = child
      }
      if least == parent { break }
      heap.swapAt(least, parent)
      parent = least
    }
    return (first.time, first.event)
  }
}
