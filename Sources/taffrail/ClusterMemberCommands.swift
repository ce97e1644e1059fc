import ArgumentParser
import ClusterConfiguration
import ClusterTools
import ControlPlane
import Raft

extension ClusterCommand {
  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take in a server: it receives the log, and then a vote.",
      discussion: """
        First name the server in cluster.conf, with its addresses, then run this, then start the \
        server. It follows the log as a learner, and gets its vote when it has all of it.
        """)

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The server's id in cluster.conf.") var id: Int
    @Flag(help: "It stays a learner until `taffrail cluster promote`.") var learner = false
    @OptionGroup var waiting: WaitOptions

    func run() async throws {
      try await MemberChange(options: options, waiting: waiting).run(reaching: (id, !learner)) {
        let address = try $0.peerAddress(of: id)
        return .change(
          .add(
            server: ReplicaID(id), host: address.host, port: address.port, votes: !learner))
      }
    }
  }

  struct Promote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give a learner a vote, as soon as it has the log.")

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The server's id.") var id: Int
    @OptionGroup var waiting: WaitOptions

    func run() async throws {
      try await MemberChange(options: options, waiting: waiting).run(reaching: (id, true)) { _ in
        .change(.promote(server: ReplicaID(id)))
      }
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a server out of the cluster.",
      discussion: """
        If it leads, another one takes over. Stop the server afterwards, and take it out of \
        cluster.conf.
        """)

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The server's id.") var id: Int
    @OptionGroup var waiting: WaitOptions

    func run() async throws {
      try await MemberChange(options: options, waiting: waiting).run(reaching: nil) { _ in
        .change(.remove(server: ReplicaID(id)))
      }
    }
  }

  struct Replace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have a new server take the place of another.",
      discussion: """
        First name the new server in cluster.conf, then run this, then start it. When it has the \
        log, it gets the vote of the other, which leaves in the same step.
        """)

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The id of the server that goes.") var id: Int
    @Argument(help: "The id of the new server in cluster.conf.") var successor: Int
    @OptionGroup var waiting: WaitOptions

    func run() async throws {
      try await MemberChange(options: options, waiting: waiting).run(reaching: (successor, true)) {
        let address = try $0.peerAddress(of: successor)
        return .change(
          .replace(
            server: ReplicaID(id), by: ReplicaID(successor), host: address.host,
            port: address.port))
      }
    }
  }

  struct Transfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have another server lead.")

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The id of the server that shall lead.") var id: Int
    @OptionGroup var waiting: WaitOptions

    func run() async throws {
      try await MemberChange(options: options, waiting: waiting).run(leading: id)
    }
  }
}

extension ClusterCommand {
  struct Compact: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget the history before a revision, on all servers.",
      discussion: """
        What is beyond logRetention of cluster.conf goes by itself. \
        After this no state before the revision can be read, and no watch begins before it: \
        clients that ask for it are told to list anew (410). The present stays as it is.
        """)

    @OptionGroup var options: ConfigurationOptions
    @Argument(help: "The oldest revision that is kept.") var revision: UInt64

    func run() async throws {
      let (configuration, home) = try options.load()
      let clients = try ClusterClients(
        configuration: configuration, home: home, userAgent: "taffrail-cluster")
      defer { clients.shutDown() }
      let oldest = try await clients.compact(MemberRequest.compact(to: revision).json)
      print("the history begins with revision \(oldest) now")
    }
  }
}

struct WaitOptions: ParsableArguments {
  @Option(name: .long, help: "How many seconds to wait until it is so; 0: not at all.")
  var wait = 60

  func validate() throws {
    guard (0...86_400).contains(wait) else {
      throw ValidationError("--wait must be 0 to 86400 seconds, not \(wait)")
    }
  }
}

/// Sends a request to the leader, and follows what becomes of it.
struct MemberChange {
  var options: ConfigurationOptions
  var waiting: WaitOptions

  /// - Parameter goal: the server that shall be a voter in the end, or a learner.
  func run(
    reaching goal: (id: Int, votes: Bool)?,
    request: (ClusterConfiguration) throws -> MemberRequest
  ) async throws {
    let (configuration, home) = try options.load()
    let request = try request(configuration)
    let clients = try ClusterClients(
      configuration: configuration, home: home, userAgent: "taffrail-cluster")
    defer { clients.shutDown() }
    print(try await clients.changeMembers(request.json))
    guard let goal else { return }
    try await clients.waitForMembers(seconds: waiting.wait, "server \(goal.id)") { status in
      let part = status.member(goal.id)
      return (part == (goal.votes ? "voter" : "learner"), part ?? "unknown")
    }
  }

  func run(leading id: Int) async throws {
    let (configuration, home) = try options.load()
    let clients = try ClusterClients(
      configuration: configuration, home: home, userAgent: "taffrail-cluster")
    defer { clients.shutDown() }
    let status = await clients.status()
    if status.leader?.id == id { return print("server \(id) leads already") }
    _ = try await clients.changeMembers(MemberRequest.transfer(to: ReplicaID(clamping: id)).json)
    try await clients.waitForMembers(seconds: waiting.wait, "server \(id)") { status in
      (status.leader?.id == id, status.replicas.first { $0.id == id }?.role ?? "unknown")
    }
  }
}

extension ClusterConfiguration {
  func peerAddress(of id: Int) throws -> HostPort {
    guard let server = server(id: id) else {
      throw ValidationError("\(path) has no server with id \(id); add it there first")
    }
    return server.peerAddress
  }
}
