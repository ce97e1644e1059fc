import NIOCore

/// Runs tasks on an event loop, so that a short request is answered without another thread: the
/// hop to Swift's own pool and back costs more than many a request does.
///
/// Only for what neither blocks nor computes for long: meanwhile the loop's connections wait.
final class LoopExecutor: TaskExecutor {
  let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedTaskExecutor()
    loop.execute { job.runSynchronously(on: executor) }
  }

  /// A get or a write of one object, whose work is bounded by the size of an object.
  static func takes(_ request: APIRequest) -> Bool {
    let info = request.info
    guard info.isResource, !info.isLongRunning, request.body.readableBytes <= 64 * 1024 else {
      return false
    }
    return ["get", "create", "update", "patch", "delete"].contains(info.verb)
  }
}

/// The executors of a group's loops. They live as long as the listener, which ends after its tasks.
struct LoopExecutors: Sendable {
  private let executors: [LoopExecutor]

  init(_ group: any EventLoopGroup) {
    executors = group.makeIterator().map { LoopExecutor($0) }
  }

  func executor(of loop: any EventLoop) -> LoopExecutor? { executors.first { $0.loop === loop } }
}
