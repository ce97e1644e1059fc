import EventStore
import Foundation
import JSONDocument

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
      "diskIsFull": .bool(status.diskIsFull),
      "peers": .array(
        status.peers.map { peer in
          .object([
            "id": number(peer.id), "connected": .bool(peer.connected),
            "match": number(peer.match), "lag": number(peer.lag),
          ])
        }),
    ])
  }
}
