import JSONDocument
import Keyspace
import KubernetesAPI

/// Tokens with which a node joins before it has a certificate: `id.secret`, each a Secret of
/// kube-system.
enum BootstrapTokens {
  static let secretType = "bootstrap.kubernetes.io/token"
  static let group = "system:bootstrappers"

  /// The parts of a token; `nil` for text of any other form.
  static func parse(_ token: String) -> (id: String, secret: String)? {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    func isPlain(_ text: Substring, _ count: Int) -> Bool {
      text.utf8.count == count
        && text.utf8.allSatisfy {
          (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
    }
    guard parts.count == 2, isPlain(parts[0], 6), isPlain(parts[1], 16) else { return nil }
    return (String(parts[0]), String(parts[1]))
  }

  static func user(of token: String, reader: any KeyspaceReader, nowSeconds: Int64) -> UserInfo? {
    guard let (id, secret) = parse(token) else { return nil }
    let key = Key(
      resource: "secrets", group: "", namespace: "kube-system", name: "bootstrap-token-\(id)")
    guard let entry = reader.get(key), let object = try? JSONValue(parsing: entry.value) else {
      return nil
    }
    return user(id: id, secret: secret, object, nowSeconds: nowSeconds)
  }

  /// The user that a token's Secret stands for, if the Secret says so.
  static func user(id: String, secret: String, _ object: JSONValue, nowSeconds: Int64)
    -> UserInfo?
  {
    guard object["type"]?.stringValue == secretType, !object.isBeingDeleted,
      text(object, "token-id") == id, isEqual(text(object, "token-secret") ?? "", secret),
      text(object, "usage-bootstrap-authentication") == "true",
      !isExpired(object, nowSeconds: nowSeconds)
    else { return nil }
    var groups = [group]
    for name in (text(object, "auth-extra-groups") ?? "").split(separator: ",") {
      // One that is none of theirs makes the whole token void.
      guard isGroup(name) else { return nil }
      if !groups.contains(String(name)) { groups.append(String(name)) }
    }
    return UserInfo(name: "system:bootstrap:\(id)", groups: groups + ["system:authenticated"])
  }

  /// A token with an expiry that can't be read counts as expired.
  static func isExpired(_ object: JSONValue, nowSeconds: Int64) -> Bool {
    guard let expiration = text(object, "expiration"), !expiration.isEmpty else { return false }
    guard let time = Timestamp(parsing: expiration) else { return true }
    return nowSeconds >= time.seconds
  }

  private static func text(_ object: JSONValue, _ name: String) -> String? {
    object.at("data", name)?.stringValue.flatMap { Base64.decode($0) }.map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  private static func isGroup(_ name: Substring) -> Bool {
    let prefix = group + ":"
    guard name.hasPrefix(prefix) else { return false }
    let rest = name.dropFirst(prefix.count).utf8
    func isWord(_ byte: UInt8) -> Bool {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard let last = rest.last, isWord(last), rest.count <= 256 else { return false }
    return rest.allSatisfy { isWord($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "-") }
  }

  /// Takes the same time wherever the two differ.
  private static func isEqual(_ left: String, _ right: String) -> Bool {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 } == 0
  }
}
