import JSONDocument
import KubernetesClient

/// Why the members were not changed.
public struct MemberChangeError: Error, CustomStringConvertible {
  public var description: String
}

extension ClusterStatus {
  /// What the leader says a server is: voter, learner, leaving, none; `nil`: unknown.
  public func member(_ id: Int) -> String? {
    leader?.answer?["members"]?.arrayValue?
      .first { $0["id"]?.intValue == Int64(id) }?["member"]?.stringValue
  }

  /// The members as the leader knows them, in a line.
  public var membersLine: String {
    let members = leader?.answer?["members"]?.arrayValue ?? []
    return members.map { member in
      "\(member["id"]?.intValue ?? 0) \(member["member"]?.stringValue ?? "?")"
    }.joined(separator: ", ")
  }
}

extension ClusterClients {
  /// Sends a request to the leader. Returns the members as they are then.
  public func changeMembers(_ request: JSONValue) async throws -> String {
    _ = try await askLeader(request)
    return "members: " + (await status()).membersLine
  }

  /// Forgets the history before a revision. Returns the oldest that can be read then.
  public func compact(_ request: JSONValue) async throws -> Int64 {
    let answer = try await askLeader(request)
    guard let oldest = answer["oldestRevision"]?.intValue else {
      throw MemberChangeError(description: "the server does not know how to compact")
    }
    return oldest
  }

  private func askLeader(_ request: JSONValue) async throws -> JSONValue {
    var reason = "no server leads: fewer than a majority can be reached"
    // The leader may be about to change, or to complete another change.
    for _ in 0..<10 {
      let status = await status()
      guard let leader = status.leader,
        let client = servers.first(where: { $0.id == leader.id })?.client
      else {
        try await Task.sleep(for: .milliseconds(500))
        continue
      }
      let answer = try await client.raw(
        method: "POST", path: "/taffrail/members", body: request.serialized())
      let body = try? JSONValue(parsing: answer.body)
      if answer.status == 200, let body { return body }
      reason = body?["message"]?.stringValue ?? "server \(leader.id) answered \(answer.status)"
      guard answer.status == 503 else { break }
      try await Task.sleep(for: .milliseconds(500))
    }
    throw MemberChangeError(description: reason)
  }

  /// Asks until it is so; prints what changes.
  public func waitForMembers(
    seconds: Int, _ what: String, _ isReached: (ClusterStatus) -> (Bool, String)
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    var shown = ""
    while true {
      let (reached, state) = isReached(await status())
      if state != shown {
        print("\(what): \(state)")
        shown = state
      }
      if reached { return }
      guard ContinuousClock.now < deadline else {
        if seconds == 0 { return }
        throw MemberChangeError(
          description: "\(what) is \(state) after \(seconds) seconds; it goes on by itself, see "
            + "taffrail cluster status")
      }
      try await Task.sleep(for: .milliseconds(250))
    }
  }
}
