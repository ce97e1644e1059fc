/// What happens when: a binary heap, in which events of one time keep the order of their
/// scheduling. The events themselves stay where they are while the heap moves its items.
struct EventQueue<Event> {
  private struct Item {
    var time: Int
    var sequence: Int
    var slot: Int

    static func < (left: Item, right: Item) -> Bool {
      left.time != right.time ? left.time < right.time : left.sequence < right.sequence
    }
  }

  private var heap: [Item] = []
  private var events: [Event?] = []
  private var free: [Int] = []
  private var sequence = 0

  var count: Int { heap.count }

  mutating func push(_ event: Event, at time: Int) {
    sequence += 1
    let slot: Int
    if let last = free.popLast() {
      slot = last
      events[slot] = event
    } else {
      slot = events.count
      events.append(event)
    }
    heap.append(Item(time: time, sequence: sequence, slot: slot))
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
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    guard let event = events[first.slot].take() else {
      preconditionFailure("each item of the heap has its event")
    }
    free.append(first.slot)
    return (first.time, event)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      let left = 2 * parent + 1
      if left < heap.count, heap[left] < heap[least] { least = left }
      if left + 1 < heap.count, heap[left + 1] < heap[least] { least = left + 1 }
      if least == parent { return }
      heap.swapAt(least, parent)
      parent = least
    }
  }
}
