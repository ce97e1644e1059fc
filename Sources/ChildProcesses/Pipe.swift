import Glibc

extension ChildProcess {
  /// A pipe of which this process uses one end, which never blocks, and a child the other.
  final class Pipe {
    private(set) var readingEnd: Int32
    private(set) var writingEnd: Int32
    private(set) var bytes: [UInt8] = []
    /// Whether everything was read.
    private(set) var isRead = false

    init() throws(StartError) {
      var ends: [Int32] = [0, 0]
      guard pipe(&ends) == 0 else {
        throw StartError(
          description: "no pipe can be made: \(String(cString: strerror(errno)))",
          isNotFound: false)
      }
      readingEnd = ends[0]
      writingEnd = ends[1]
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    deinit {
      closeReadingEnd()
      closeWritingEnd()
    }

    func closeReadingEnd() {
      if readingEnd >= 0 { close(readingEnd) }
      readingEnd = -1
    }

    func closeWritingEnd() {
      if writingEnd >= 0 { close(writingEnd) }
      writingEnd = -1
    }

    /// Waits until one of `reading` has something, or `writing` has room.
    static func wait(reading: [Pipe], writing: Pipe?, timeoutMilliseconds: Int32) {
      var polls = reading.filter { !$0.isRead }.map {
        pollfd(fd: $0.readingEnd, events: Int16(POLLIN), revents: 0)
      }
      if let writing, writing.writingEnd >= 0 {
        polls.append(pollfd(fd: writing.writingEnd, events: Int16(POLLOUT), revents: 0))
      }
      _ = poll(&polls, nfds_t(polls.count), timeoutMilliseconds)
    }

    /// Reads what is there.
    func drain() {
      guard !isRead else { return }
      _ = fcntl(readingEnd, F_SETFL, O_NONBLOCK)
      while true {
        var count = 0
        let part = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, initialized in
          count = read(readingEnd, buffer.baseAddress, buffer.count)
          initialized = max(0, count)
        }
        if count > 0 {
          bytes += part
        } else if count == 0 {
          isRead = true
          return
        } else if errno != EINTR {
          if errno != EAGAIN { isRead = true }
          return
        }
      }
    }

    /// Writes what there is room for, and returns the rest: none if nobody reads any more.
    func feed(_ input: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
      _ = fcntl(writingEnd, F_SETFL, O_NONBLOCK)
      let count = BrokenPipe.withoutSignal {
        input.withUnsafeBytes { write(writingEnd, $0.baseAddress, $0.count) }
      }
      if count >= 0 { return input.dropFirst(count) }
      return errno == EAGAIN || errno == EINTR ? input : []
    }
  }

  /// Writing to a program that has ended must not end this one.
  private enum BrokenPipe {
    /// Runs `body` with SIGPIPE blocked on this thread, and takes away one that it caused.
    /// Keeps `errno`.
    static func withoutSignal(_ body: () -> Int) -> Int {
      var pipe = sigset_t()
      sigemptyset(&pipe)
      sigaddset(&pipe, SIGPIPE)
      var before = sigset_t()
      pthread_sigmask(SIG_BLOCK, &pipe, &before)
      let result = body()
      let code = errno
      if result < 0, code == EPIPE {
        var none = timespec()
        _ = sigtimedwait(&pipe, nil, &none)
      }
      pthread_sigmask(SIG_SETMASK, &before, nil)
      errno = code
      return result
    }
  }
}
