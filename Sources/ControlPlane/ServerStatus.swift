import EventStore
import Foundation
import JSONDocument
import Raft

/// What a server says of its replica at `/taffrail/status`.
public enum ServerStatus {
  public static func json(of replica: Replica) async -> JSONValue {
    guard let status = await replica.status() else {
      return ["pid": .int(Int64(getpid())), "role": "stopped"]
    }
    func number(_ value: UInt64) -> JSONValue { .int(Int64(clamping: value)) }
    return .object([
      "id": number(status.id),
      "pid": .int(Int64(getpid())),
      "role": .string(status.role.rawValue),
      "term": number(status.term),
      "leader": number(status.leader),
      "commit": number(status.commit),
      "applied": number(status.applied),
      "lastIndex": number(status.lastIndex),
      "revision": number(status.revision),
      "checkpoint": number(status.checkpoint),
      "logBytes": JSONValue(status.logBytes),
      "keys": JSONValue(status.keyCount),
      "stateBytes": JSONValue(status.stateBytes),
      "stateHash": .string(String(status.stateHash, radix: 16)),
      "member": .string(member(status.id, status.membership)),
      "members": .array(
        status.membership.servers.map { server in
          .object([
            "id": number(server.id), "peerAddress": .string("\(server.host):\(server.port)"),
            "member": .string(member(server.id, status.membership)),
            "wanted": .string(server.part == .voter ? "voter" : "learner"),
          ])
        }),
      "changing": .bool(status.membership.isJoint),
      "diskIsFull": .bool(status.diskIsFull),
      "damage": .array(status.damage.map { .string($0) }),
      "peers": .array(
        status.peers.map { peer in
          var object: JSONObject = [
            "id": number(peer.id), "connected": .bool(peer.connected),
            "match": number(peer.match), "lag": number(peer.lag),
          ]
          if let state = peer.snapshot {
            object["snapshot"] = .object([
              "bytes": number(state.bytes), "totalBytes": number(state.totalBytes),
            ])
          }
          return .object(object)
        }),
    ])
  }

  /// What a server is to the store at present.
  static func member(_ id: UInt64, _ membership: Membership) -> String {
    if membership.voters.contains(id) { return "voter" }
    if membership.outgoing.contains(id) { return "leaving" }
    return membership.learners.contains(id) ? "learner" : "none"
  }
}
