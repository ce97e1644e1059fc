import Foundation

/// A thread of its own for work that blocks, which can be waited for.
final class WorkerThread: Sendable {
  private let finished: DispatchGroup

  init(name: String, _ body: @escaping @Sendable () -> Void) {
    let finished = DispatchGroup()
    self.finished = finished
    finished.enter()
    let thread = Thread {
      body()
      finished.leave()
    }
    thread.name = "store-\(name)"
    thread.stackSize = 2 << 20
    thread.start()
  }

  func join() { finished.wait() }
}
