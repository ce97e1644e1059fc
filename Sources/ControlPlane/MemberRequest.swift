import EventStore
import Foundation
import JSONDocument
import Keyspace
import Raft

/// A request to change the members, or what the store keeps, as `taffrail cluster add` and its like send it to
/// `/taffrail/members` of the leader.
public enum MemberRequest: Sendable, Hashable {
  case change(MembershipChange)
  /// Another server shall lead.
  case transfer(to: ReplicaID)
  /// The history before a revision is to be forgotten.
  case compact(to: Revision)

  public var json: JSONValue {
    func number(_ id: ReplicaID) -> JSONValue { .int(Int64(clamping: id)) }
    switch self {
    case .change(.add(let server, let host, let port, let votes)):
      return .object([
        "change": "add", "server": number(server), "host": .string(host), "port": JSONValue(port),
        "votes": .bool(votes),
      ])
    case .change(.promote(let server)):
      return .object(["change": "promote", "server": number(server)])
    case .change(.remove(let server)):
      return .object(["change": "remove", "server": number(server)])
    case .change(.replace(let server, let successor, let host, let port)):
      return .object([
        "change": "replace", "server": number(server), "by": number(successor),
        "host": .string(host), "port": JSONValue(port),
      ])
    case .transfer(let server):
      return .object(["change": "transfer", "server": number(server)])
    case .compact(let revision):
      return .object(["change": "compact", "revision": number(revision)])
    }
  }

  /// `nil`: not such a request.
  public init?(json: JSONValue) {
    func number(_ key: String) -> ReplicaID? {
      json[key]?.intValue.flatMap { (1...255).contains($0) ? ReplicaID($0) : nil }
    }
    func address() -> (host: String, port: Int)? {
      guard let host = json["host"]?.stringValue, !host.isEmpty, host.utf8.count <= 253,
        let port = json["port"]?.intValue, (1...65_535).contains(port)
      else { return nil }
      return (host, Int(port))
    }
    if json["change"]?.stringValue == "compact" {
      guard let revision = json["revision"]?.intValue, revision >= 0 else { return nil }
      self = .compact(to: Revision(revision))
      return
    }
    guard let server = number("server"), let change = json["change"]?.stringValue else {
      return nil
    }
    switch change {
    case "promote": self = .change(.promote(server: server))
    case "remove": self = .change(.remove(server: server))
    case "transfer": self = .transfer(to: server)
    case "add":
      guard let (host, port) = address() else { return nil }
      self = .change(
        .add(server: server, host: host, port: port, votes: json["votes"]?.boolValue ?? true))
    case "replace":
      guard let (host, port) = address(), let by = number("by") else { return nil }
      self = .change(.replace(server: server, by: by, host: host, port: port))
    default: return nil
    }
  }

  /// Carries out the request in `body` on the replica of this server.
  public static func answer(
    _ body: [UInt8], on replica: Replica
  ) async -> (status: Int, body: JSONValue) {
    func failure(_ status: Int, _ message: String) -> (Int, JSONValue) {
      (status, .object(["message": .string(message)]))
    }
    guard let json = try? JSONValue(parsing: body), let request = MemberRequest(json: json) else {
      return failure(400, "the body is no request to change the members")
    }
    do throws(StoreError) {
      switch request {
      case .change(let change): _ = try await replica.changeMembership(change)
      case .transfer(let server):
        guard let status = await replica.status(), status.role == .leader else {
          return failure(503, "this server does not lead")
        }
        guard status.membership.voters.contains(server) else {
          return failure(422, "server \(server) is no voter")
        }
        replica.transferLeadership(to: server)
      case .compact(let revision):
        let oldest = try await replica.compact(
          to: revision, timeMilliseconds: UInt64(Date().timeIntervalSince1970 * 1_000))
        return (200, .object(["oldestRevision": .int(Int64(clamping: oldest))]))
      }
      return (200, await ServerStatus.json(of: replica))
    } catch .future(let current) {
      return failure(422, "the newest revision is \(current)")
    } catch .invalid(let reason) {
      return failure(422, reason)
    } catch .unavailable(let reason) {
      return failure(503, reason)
    } catch {
      return failure(500, "\(error)")
    }
  }
}
