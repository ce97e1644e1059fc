/// A queue of inputs for one thread, which takes all that wait at once.
///
/// `@unchecked Sendable`: every access to the variables is under the monitor's lock.
final class Mailbox<Element: Sendable>: @unchecked Sendable {
  private let monitor = Monitor()
  private let bound: Int
  private var elements: [Element] = []
  private var closed = false

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
    if elements.count == 1 { monitor.broadcast() }
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

  /// Nothing more comes in; what waits can still be taken.
  func close() {
    monitor.withLock {
      closed = true
      monitor.broadcast()
    }
  }
}
