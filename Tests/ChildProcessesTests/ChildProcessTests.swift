import Glibc
import Testing

@testable import ChildProcesses

@Suite struct ChildProcessTests {
  @Test func collectsWhatIsPrintedAndHowItEnded() throws {
    let result = try ChildProcess.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    #expect(result.exit == .exited(3))
    #expect(result.outputText == "out\n")
    #expect(result.errorText == "err\n")
    let joined = try ChildProcess.run(
      ["sh", "-c", "echo 1; echo 2 >&2; echo 3"], joinsErrors: true)
    #expect(joined.outputText == "1\n2\n3\n")
  }

  /// More than a pipe holds, both ways at once.
  @Test func feedsAndReadsAtTheSameTime() throws {
    let input = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let result = try ChildProcess.run(["cat"], input: input)
    #expect(result.exit == .exited(0))
    #expect(result.output == input)
  }

  @Test func whatIsNotReadDoesNoHarm() throws {
    let result = try ChildProcess.run(
      ["sh", "-c", "exec <&-; echo done"], input: Array(repeating: 0, count: 1_000_000))
    #expect(result.exit == .exited(0))
    #expect(result.outputText == "done\n")
  }

  @Test func signalsAreToldFromStatuses() throws {
    let process = try ChildProcess.start(["sleep", "1000"])
    #expect(process.isRunning)
    #expect(process.signal(SIGTERM))
    #expect(process.wait() == .killed(signal: SIGTERM))
    #expect(process.wait().status == 128 + SIGTERM)
    #expect(!process.isRunning)
    // Its number may be another's by now.
    #expect(!process.signal(SIGKILL))
  }

  @Test func oneThatIgnoresSIGTERMIsKilled() throws {
    let output = try ChildProcess.Pipe()
    let process = try ChildProcess.start(
      ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1000; done"],
      .init(output: .descriptor(output.writingEnd)))
    ChildProcess.Pipe.wait(reading: [output], writing: nil, timeoutMilliseconds: 60_000)
    #expect(process.terminateAndWait(graceMilliseconds: 50) == .killed(signal: SIGKILL))
  }

  @Test func oneThatTakesTooLongIsKilled() throws {
    let result = try ChildProcess.run(
      ["sh", "-c", "echo begun; exec sleep 1000"], timeoutMilliseconds: 500)
    #expect(result.exit == .killed(signal: SIGKILL))
    #expect(result.outputText == "begun\n")
    let silent = try ChildProcess.run(
      ["sh", "-c", "exec sleep 1000 >&- 2>&-"], timeoutMilliseconds: 200)
    #expect(silent.exit == .killed(signal: SIGKILL))
  }

  @Test func aProgramThatIsNotThereIsSaidSo() throws {
    let error = #expect(throws: ChildProcess.StartError.self) {
      try ChildProcess.start(["no-such-program"])
    }
    #expect(error?.isNotFound == true)
    #expect(error?.description == "no-such-program: command not found")
    let path = #expect(throws: ChildProcess.StartError.self) {
      try ChildProcess.start(["/nonexistent/program"])
    }
    #expect(path?.isNotFound == true)
    let folder = #expect(throws: ChildProcess.StartError.self) {
      try ChildProcess.start(["/tmp"])
    }
    #expect(folder?.isNotFound == false)
  }

  @Test func environmentAndFolderAreAsAsked() throws {
    let result = try ChildProcess.run(
      ["sh", "-c", "echo $WORD; pwd; echo $HOME"],
      .init(environment: ["WORD": "a b"], directory: "/usr"))
    let home = try #require(getenv("HOME").map { String(cString: $0) })
    #expect(result.outputText == "a b\n/usr\n\(home)\n")
    // Also where the user's own PATH lacks them.
    let path = try ChildProcess.run(["sh", "-c", "echo $PATH"], .init(environment: ["PATH": "/x"]))
    #expect(path.outputText.hasPrefix("/x:"))
    #expect(path.outputText.contains(":/usr/sbin:"))
  }

  /// A pipe whose writing end a child kept would never come to its end; and a child of a thread
  /// that has blocked signals must hear of them all the same.
  @Test func nothingIsInherited() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    var all = sigset_t()
    sigfillset(&all)
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &all, &before)
    let process = try ChildProcess.start(["sleep", "1000"])
    pthread_sigmask(SIG_SETMASK, &before, nil)
    defer { process.killAndWait() }
    close(ends[1])
    var byte: UInt8 = 0
    #expect(read(ends[0], &byte, 1) == 0)
    close(ends[0])
    process.signal(SIGTERM)
    #expect(process.wait() == .killed(signal: SIGTERM))
  }

  @Test func theEndOfAnyProcessIsNoticed() async throws {
    #expect(!ProcessWatch.waitForEnd(pid: getpid(), timeoutMilliseconds: 1))
    let process = try ChildProcess.start(["sleep", "1000"], .init(hasOwnSession: true))
    #expect(getsid(process.pid) == process.pid)
    #expect(process.wait(timeoutMilliseconds: 1) == nil)
    async let exit = process.waited()
    process.signal(SIGKILL)
    #expect(ProcessWatch.waitForEnd(pid: process.pid))
    #expect(await exit == .killed(signal: SIGKILL))
    #expect(process.wait(timeoutMilliseconds: 0) == .killed(signal: SIGKILL))
  }

  /// What was printed until the program ended counts, though another holds the pipe.
  @Test func whoLeavesAChildBehindIsNotWaitedForLong() throws {
    let result = try ChildProcess.run(["sh", "-c", "sleep 1000 & echo $!"])
    let left = try #require(Int32(result.outputText.dropLast()))
    kill(left, SIGKILL)
    #expect(result.exit == .exited(0))
  }

  @Test func filesAreAppendedTo() throws {
    let file = "/tmp/taffrail-child-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    defer { unlink(file) }
    for word in ["one", "two"] {
      try ChildProcess.start(["echo", word], .init(output: .appended(toFile: file))).wait()
    }
    #expect(try ChildProcess.run(["cat", file]).outputText == "one\ntwo\n")
    #expect(try ChildProcess.run(["stat", "-c", "%a", file]).outputText == "600\n")
  }
}
