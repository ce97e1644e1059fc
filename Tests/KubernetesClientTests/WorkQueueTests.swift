import Testing

@testable import KubernetesClient

@Suite struct WorkQueueTests {
  typealias Item = WorkQueueState<String>.Item

  @Test func keysAreQueuedOnceWithTheirNewestCause() {
    var queue = WorkQueueState<String>()
    queue.add("a", cause: 3)
    queue.add("b", cause: 4)
    queue.add("a", cause: 9)
    queue.add("a", cause: 5)
    #expect(queue.take() == Item(key: "a", cause: 9))
    #expect(queue.take() == Item(key: "b", cause: 4))
    #expect(queue.take() == nil)
  }

  @Test func aKeyThatIsWorkedOnGoesAroundOnceMore() {
    var queue = WorkQueueState<String>()
    queue.add("a", cause: 1)
    #expect(queue.take() == Item(key: "a", cause: 1))
    queue.add("a", cause: 2)
    queue.add("a", cause: 7)
    #expect(queue.take() == nil)
    queue.done("a")
    #expect(queue.take() == Item(key: "a", cause: 7))
    queue.done("a")
    #expect(queue.isIdle)
  }

  @Test func delayedKeysComeWhenTheirEarliestDeadlineDoes() {
    var queue = WorkQueueState<String>()
    queue.add("a", cause: 1, at: 100)
    queue.add("b", cause: 2, at: 50)
    queue.add("a", cause: 5, at: 70)
    queue.add("a", cause: 3, at: 200)
    #expect(queue.nextDeadline == 50)
    queue.advance(to: 49)
    #expect(queue.take() == nil)
    queue.advance(to: 99)
    #expect(queue.take()?.key == "b")
    #expect(queue.take() == Item(key: "a", cause: 5))
    queue.advance(to: 1_000)
    #expect(queue.take() == nil)
    #expect(queue.nextDeadline == nil)
  }

  @Test func failuresWaitEverLongerUntilForgotten() {
    var queue = WorkQueueState<String>()
    var pauses: [Int64] = []
    for _ in 0..<15 {
      queue.addAfterFailure("a", cause: 1, now: 0)
      pauses.append((queue.nextDeadline ?? 0) / 1_000_000)
      queue.advance(to: .max)
      _ = queue.take()
      queue.done("a")
    }
    #expect(pauses.prefix(5) == [5, 10, 20, 40, 80])
    #expect(pauses.last == 30_000)
    queue.forgetFailures("a")
    queue.addAfterFailure("a", cause: 1, now: 0)
    #expect(queue.nextDeadline == 5_000_000)
  }

  @Test func manyKeysKeepTheirOrder() {
    var queue = WorkQueueState<Int>()
    for key in 0..<5_000 { queue.add(key, cause: 0) }
    var taken: [Int] = []
    while let item = queue.take() {
      taken.append(item.key)
      if item.key % 10 == 0, item.key < 5_000 { queue.add(item.key + 10_000, cause: 0) }
      queue.done(item.key)
    }
    #expect(taken == Array(0..<5_000) + stride(from: 10_000, to: 15_000, by: 10))
    #expect(queue.isIdle)
  }

  @Test func workersRunEachKeyWithItsCauseAndRepeatFailures() async {
    struct Broken: Error {}
    let (seen, seeing) = AsyncStream.makeStream(of: UInt64.self)
    let queue = WorkQueue<String>()
    let tries = Counter()
    let controller = Controller(name: "test", queue: queue, workers: 2) { key in
      seeing.yield(WriteContext.cause)
      if await tries.next() < 3 { throw Broken() }
      return nil
    }
    queue.add("a", cause: 17)
    let task = Task { await controller.run() }
    var causes: [UInt64] = []
    for await cause in seen {
      causes.append(cause)
      if causes.count == 3 { break }
    }
    #expect(causes == [17, 17, 17])
    task.cancel()
    await task.value
  }

  @Test func shuttingDownLetsWorkersGo() async {
    let queue = WorkQueue<String>()
    let task = Task { await queue.next() }
    queue.shutDown()
    #expect(await task.value == nil)
  }
}

actor Counter {
  private var count = 0
  func next() -> Int {
    count += 1
    return count
  }
}
