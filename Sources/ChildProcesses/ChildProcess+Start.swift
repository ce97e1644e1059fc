import CProcess
import Glibc

extension ChildProcess {
  /// Why a process did not start.
  public struct StartError: Error, Sendable, CustomStringConvertible {
    public var description: String
    /// Whether it is because the program is not there.
    public var isNotFound: Bool
  }

  /// Where a process reads from or writes to.
  public enum Stream: Sendable {
    /// /dev/null.
    case none
    /// The same as this process.
    case inherited
    case descriptor(Int32)
    /// A file's end; it is made with mode 0600 if it is missing.
    case appended(toFile: String)
  }

  /// What a process starts with.
  public struct Options: Sendable {
    public var input = Stream.none
    public var output = Stream.none
    /// nil is where the output goes.
    public var errors: Stream?
    /// What differs from this process's environment.
    public var environment: [String: String] = [:]
    /// nil is this process's own.
    public var directory: String?
    /// Whether it has a session, and so a process group, of its own: a Ctrl-C in the terminal does
    /// not reach it.
    public var hasOwnSession = false

    public init(
      input: Stream = .none, output: Stream = .none, errors: Stream? = nil,
      environment: [String: String] = [:], directory: String? = nil, hasOwnSession: Bool = false
    ) {
      self.input = input
      self.output = output
      self.errors = errors
      self.environment = environment
      self.directory = directory
      self.hasOwnSession = hasOwnSession
    }
  }

  /// A user's PATH may lack the folders where ip and nft are.
  private static let systemFolders = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

  /// Starts a program, which inherits nothing that is open here and no blocked or ignored signal.
  ///
  /// - Parameter command: the program, which is looked for in PATH and the system's folders unless
  ///   it has a slash, and its arguments.
  /// - Throws: `StartError` with the system's reason.
  public static func start(
    _ command: [String], _ options: Options = Options()
  ) throws(StartError) -> ChildProcess {
    precondition(!command.isEmpty, "a command has a program")
    var environment = environment(with: options.environment)
    let path = environment["PATH"].map { $0 + ":" + systemFolders } ?? systemFolders
    environment["PATH"] = path
    guard let program = find(command[0], path: path) else {
      throw StartError(description: "\(command[0]): command not found", isNotFound: true)
    }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    add(options.input, as: 0, to: &actions)
    add(options.output, as: 1, to: &actions)
    if let errors = options.errors {
      add(errors, as: 2, to: &actions)
    } else {
      posix_spawn_file_actions_adddup2(&actions, 1, 2)
    }
    if let directory = options.directory {
      posix_spawn_file_actions_addchdir_np(&actions, directory)
    }
    // Somebody who reads a pipe to its end would wait for this child too.
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var everySignal = sigset_t()
    sigfillset(&everySignal)
    posix_spawnattr_setsigdefault(&attributes, &everySignal)
    var noSignal = sigset_t()
    sigemptyset(&noSignal)
    posix_spawnattr_setsigmask(&attributes, &noSignal)
    var flags = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)
    // SETSID in glibc's spawn.h.
    if options.hasOwnSession { flags |= 0x80 }
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var pid: pid_t = 0
    let code = withCStrings(command) { arguments in
      withCStrings(environment.map { "\($0.key)=\($0.value)" }) { variables in
        posix_spawn(&pid, program, &actions, &attributes, arguments, variables)
      }
    }
    guard code == 0 else {
      throw StartError(
        description: "\(command[0]): \(String(cString: strerror(code)))", isNotFound: code == ENOENT
      )
    }
    return ChildProcess(pid: pid)
  }

  private static func add(
    _ stream: Stream, as descriptor: Int32, to actions: inout posix_spawn_file_actions_t
  ) {
    switch stream {
    case .none: posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    // On itself it only loses its close-on-exec flag.
    case .inherited: posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor)
    case .descriptor(let other): posix_spawn_file_actions_adddup2(&actions, other, descriptor)
    case .appended(let file):
      posix_spawn_file_actions_addopen(
        &actions, descriptor, file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    }
  }

  /// The path of a program as a shell would find it.
  static func find(_ program: String, path: String) -> String? {
    if program.utf8.contains(UInt8(ascii: "/")) { return program }
    for folder in path.split(separator: ":") {
      let candidate = "\(folder)/\(program)"
      var status = stat()
      if stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
        access(candidate, X_OK) == 0
      {
        return candidate
      }
    }
    return nil
  }

  private static func environment(with changes: [String: String]) -> [String: String] {
    var result: [String: String] = [:]
    var next = taffrail_environment()
    while let entry = next?.pointee {
      let text = String(cString: entry)
      if let sign = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
        result[String(text[..<sign])] = String(text[text.index(after: sign)...])
      }
      next = next?.successor()
    }
    return result.merging(changes) { $1 }
  }

  private static func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    defer {
      for pointer in pointers { free(pointer) }
    }
    pointers.append(nil)
    return pointers.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("it has the nil at its end") }
      return body(base)
    }
  }
}
