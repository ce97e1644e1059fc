import Crypto
import Foundation
import JSONDocument
import Synchronization

/// The keys of service account tokens: the newest signs, all verify.
///
/// They stand in one PEM file, oldest first: private keys, or public ones of which the private key
/// is gone. A key is rotated by adding one at the end; the file is read again when a token names
/// a key that is not known yet, and from time to time.
final class TokenKeys: Sendable {
  struct Key: Sendable {
    var id: String
    var publicKey: P256.Signing.PublicKey
    var privateKey: P256.Signing.PrivateKey?

    init(publicKey: P256.Signing.PublicKey, privateKey: P256.Signing.PrivateKey? = nil) {
      self.publicKey = publicKey
      self.privateKey = privateKey
      id = Base64URL.encode(SHA256.hash(data: publicKey.derRepresentation))
    }
  }

  private struct State {
    var keys: [Key]
    var text: String
    var readSeconds: Int64
  }

  /// How long the file is not looked at again, in seconds: on the way, and for an unknown key.
  static let refreshSeconds: Int64 = 60
  static let retrySeconds: Int64 = 1

  private let read: @Sendable () -> String?
  private let state: Mutex<State>

  /// - Parameter read: the file; nil where it can't be read.
  init(read: @escaping @Sendable () -> String?) throws {
    guard let text = read() else {
      throw APIServerError.configuration("the service account signing key can't be read")
    }
    let keys = try Self.parse(text)
    self.read = read
    state = Mutex(State(keys: keys, text: text, readSeconds: WallClock.seconds()))
  }

  /// The keys in a PEM file.
  static func parse(_ text: String) throws -> [Key] {
    var keys: [Key] = []
    let end = "-----END "
    for part in text.components(separatedBy: "-----BEGIN ").dropFirst() {
      let block = "-----BEGIN " + part
      guard let close = block.range(of: end),
        let stop = block.range(of: "-----", range: close.upperBound..<block.endIndex)
      else { continue }
      let pem = String(block[..<stop.upperBound])
      do {
        if block.hasPrefix("-----BEGIN PUBLIC KEY") {
          keys.append(Key(publicKey: try P256.Signing.PublicKey(pemRepresentation: pem)))
        } else {
          let key = try P256.Signing.PrivateKey(pemRepresentation: pem)
          keys.append(Key(publicKey: key.publicKey, privateKey: key))
        }
      } catch {
        throw APIServerError.configuration(
          "the service account signing keys must be EC P-256 keys in PEM: \(error)")
      }
    }
    guard keys.contains(where: { $0.privateKey != nil }) else {
      throw APIServerError.configuration(
        "the service account signing key must be an EC P-256 private key in PEM")
    }
    return keys
  }

  private func refreshed(after seconds: Int64) -> [Key] {
    let now = WallClock.seconds()
    let known = state.withLock { state in
      let isDue = now - state.readSeconds >= seconds || now < state.readSeconds
      if isDue { state.readSeconds = now }
      return isDue ? nil : state.keys
    }
    if let known { return known }
    let text = read()
    return state.withLock { state in
      // A file that is being replaced, or damaged, leaves the known keys in force.
      if let text, text != state.text, let keys = try? Self.parse(text) {
        state.keys = keys
        state.text = text
      }
      return state.keys
    }
  }

  var all: [Key] { refreshed(after: Self.refreshSeconds) }

  /// The key that signs.
  var signing: (id: String, key: P256.Signing.PrivateKey)? {
    for key in all.reversed() {
      if let privateKey = key.privateKey { return (key.id, privateKey) }
    }
    return nil
  }

  /// The keys that may have signed a token which names `id`.
  func verifying(id: String?) -> [Key] {
    let known = all
    guard let id else { return known }
    let named = known.filter { $0.id == id }
    return named.isEmpty ? refreshed(after: Self.retrySeconds).filter { $0.id == id } : named
  }

  /// All public keys as a JSON Web Key Set (RFC 7517).
  var keySet: JSONValue {
    [
      "keys": .array(
        all.map { key in
          let point = Array(key.publicKey.rawRepresentation)
          return [
            "use": "sig", "kty": "EC", "kid": .string(key.id), "crv": "P-256", "alg": "ES256",
            "x": .string(Base64URL.encode(point.prefix(32))),
            "y": .string(Base64URL.encode(point.suffix(32))),
          ]
        })
    ]
  }
}
