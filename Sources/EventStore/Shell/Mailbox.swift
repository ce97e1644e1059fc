/// A queue of inputs for one thread, which takes all that wait at once.
///
/// `@unchecked Sendable`: every access to the variables is under the monitor's lock.
final class Mailbox<Element: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private let bound: Int
  private var elements: [Element] = []
  private var closed = false
  /// How many elements wake the thread; more than one while it gathers.
  private var wakeCount = 1
  private var isUrgent = false

  init(bound: Int) {
    precondition(bound > 0, "a mailbox holds something")
    self.bound = bound
  }

  /// Puts one in; false where the mailbox is full or closed, and the element isn't taken.
  func offer(_ element: Element) -> Bool {
    monitor.withLock {
      guard !closed, elements.count < bound else { return false }
      push(element)
      return true
    }
  }

  /// Puts one in, also where the mailbox is full: for inputs whose senders bound themselves.
  /// False where it is closed.
  @discardableResult
  func post(_ element: Element) -> Bool {
    monitor.withLock {
      guard !closed else { return false }
      push(element)
      return true
    }
  }

  /// Puts one in, waiting for room. False where it is closed.
  @discardableResult
  func postWhenRoom(_ element: Element) -> Bool {
    monitor.withLock {
      while !closed, elements.count >= bound { monitor.wait() }
      guard !closed else { return false }
      push(element)
      return true
    }
  }

  private func push(_ element: Element) {
    elements.append(element)
    if elements.count == wakeCount { monitor.broadcast() }
  }

  /// What waits is to be taken now, also by a thread that gathers.
  func hurry() {
    monitor.withLock {
      isUrgent = true
      monitor.broadcast()
    }
  }

  var isClosed: Bool { monitor.withLock { closed } }
  var count: Int { monitor.withLock { elements.count } }

  /// Takes everything, waiting until there is something, the deadline (monotonic nanoseconds) is
  /// reached, or the mailbox is closed. `nil` once it is closed and empty.
  func takeAll(untilNanoseconds deadline: UInt64? = nil) -> [Element]? {
    monitor.withLock {
      while elements.isEmpty, !closed {
        if let deadline {
          if monotonicNanoseconds() >= deadline { return [] }
          monitor.wait(untilNanoseconds: deadline)
        } else {
          monitor.wait()
        }
      }
      if elements.isEmpty { return nil }
      let wasFull = elements.count >= bound
      let taken = elements
      elements = []
      if wasFull { monitor.broadcast() }
      return taken
    }
  }

  /// Waits until `count` elements are there, for at most `nanoseconds`, until somebody calls
  /// `hurry`, or until the mailbox is closed: for a thread that does more at once with less effort,
  /// and whose work nobody waits for.
  func gather(count: Int, nanoseconds: UInt64) {
    let deadline = monotonicNanoseconds() + nanoseconds
    monitor.withLock {
      wakeCount = count
      while elements.count < count, !closed, !isUrgent, monotonicNanoseconds() < deadline {
        monitor.wait(untilNanoseconds: deadline)
      }
      wakeCount = 1
      isUrgent = false
    }
  }

  /// Nothing more comes in; what waits can still be taken.
  func close() {
    monitor.withLock {
      closed = true
      monitor.broadcast()
    }
  }
}
