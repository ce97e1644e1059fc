/// What an operator asks for.
public enum MembershipChange: Sendable, Hashable {
  /// A new server, as a learner; with `votes`, until it has the log.
  case add(server: ReplicaID, host: String, port: Int, votes: Bool)
  /// A learner becomes a voter as soon as it has the log.
  case promote(server: ReplicaID)
  case remove(server: ReplicaID)
  /// A new server takes the place of another one, which goes when the new one has its vote.
  case replace(server: ReplicaID, by: ReplicaID, host: String, port: Int)
}

/// Why a change can't be; says what to do.
public struct MembershipError: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String

  public init(_ description: String) { self.description = description }
}

extension Membership {
  /// The membership to append for a change; joint where voters change.
  public func applying(_ change: MembershipChange) throws(MembershipError) -> Membership {
    guard !isJoint else {
      throw MembershipError("another change of the members is not complete yet; try again")
    }
    var target = self
    switch change {
    case .add(let server, let host, let port, let votes):
      try target.insert(
        Server(id: server, host: host, port: port, part: votes ? .voter : .learner))
    case .promote(let server):
      guard let index = servers.firstIndex(where: { $0.id == server }) else {
        throw unknown(server)
      }
      guard servers[index].part == .learner else {
        throw MembershipError("server \(server) is a voter already, or becomes one by itself")
      }
      target.servers[index].part = .voter
    case .remove(let server): try target.remove(server)
    case .replace(let server, let successor, let host, let port):
      guard self.server(server) != nil else { throw unknown(server) }
      try target.insert(
        Server(id: successor, host: host, port: port, part: .voter, replaces: server))
    }
    return target.following(self)
  }

  private mutating func insert(_ server: Server) throws(MembershipError) {
    guard server.id > 0, server.id <= Self.maximumServer else {
      throw MembershipError("\(server.id) is not within 1 and 255")
    }
    guard self.server(server.id) == nil else {
      throw MembershipError("server \(server.id) is a member already")
    }
    guard servers.count < Self.maximumServers else {
      throw MembershipError("\(servers.count) servers are the most there can be")
    }
    if let taken = servers.first(where: { $0.host == server.host && $0.port == server.port }),
      server.port != 0
    {
      throw MembershipError("\(server.host):\(server.port) is the address of server \(taken.id)")
    }
    servers.append(server)
    servers.sort { $0.id < $1.id }
    learners = (learners + [server.id]).sorted()
  }

  private mutating func remove(_ server: ReplicaID) throws(MembershipError) {
    guard let index = servers.firstIndex(where: { $0.id == server }) else { throw unknown(server) }
    voters.removeAll { $0 == server }
    learners.removeAll { $0 == server }
    guard !voters.isEmpty else {
      throw MembershipError("server \(server) is the last voter; add another one first")
    }
    servers[index].part = .removed
    for other in servers.indices where servers[other].replaces == server {
      servers[other].replaces = 0
    }
  }

  private func unknown(_ server: ReplicaID) -> MembershipError {
    let known = servers.map { String($0.id) }.joined(separator: ", ")
    return MembershipError("there is no server \(server); the members are \(known)")
  }

  /// As the entry to append after `before`.
  private func following(_ before: Membership) -> Membership {
    var next = self
    next.isRecorded = true
    if next.voters != before.voters {
      next.outgoing = before.voters
    } else {
      next.servers.removeAll { $0.part == .removed }
    }
    return next
  }

  /// The end of a change: the outgoing voters have no say any more.
  public var leavingJoint: Membership {
    var next = self
    next.outgoing = []
    next.servers.removeAll { $0.part == .removed }
    return next
  }

  /// What follows by itself: learners that have the log get the votes meant for them, in the place
  /// of whom they replace. `nil`: nothing.
  ///
  /// - Parameter isCaughtUp: whether a learner has the log.
  public func successor(isCaughtUp: (ReplicaID) -> Bool) -> Membership? {
    guard !isJoint else { return nil }
    for (index, server) in servers.enumerated()
    where server.part == .voter && learners.contains(server.id) && isCaughtUp(server.id) {
      var target = self
      target.learners.removeAll { $0 == server.id || $0 == server.replaces }
      target.voters.removeAll { $0 == server.replaces }
      target.voters = (target.voters + [server.id]).sorted()
      target.servers[index].replaces = 0
      for other in servers.indices where servers[other].id == server.replaces {
        target.servers[other].part = .removed
      }
      return target.following(self)
    }
    return nil
  }
}
