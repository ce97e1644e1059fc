import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Removes bootstrap tokens that are no longer good.
enum BootstrapTokenController {
  static let periodMilliseconds: Int64 = 10_000

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    {
      repeat {
        await removeExpired(context)
      } while (try? await Task.sleep(for: .milliseconds(periodMilliseconds))) != nil
    }
  }

  private static func removeExpired(_ context: ControllerContext) async {
    do {
      let list = try await context.client.list(
        .secrets, namespace: "kube-system",
        options: ListOptions(fieldSelector: "type=bootstrap.kubernetes.io/token"))
      for secret in list.items where isExpired(secret, nowSeconds: Timestamp.now.seconds) {
        _ = try await ignoringNotFound {
          try await context.client.delete(
            .secrets, namespace: "kube-system", name: secret.meta.name,
            options: DeleteOptions(preconditionUID: secret.meta.uid))
        }
      }
    } catch {
      context.logger.debug("removing expired bootstrap tokens: \(error)")
    }
  }

  /// An expiry that can't be read counts as long ago.
  static func isExpired(_ secret: JSONValue, nowSeconds: Int64) -> Bool {
    guard let encoded = secret.at("data", "expiration")?.stringValue, !encoded.isEmpty else {
      return false
    }
    let text = Base64.decode(encoded).map { String(decoding: $0, as: UTF8.self) } ?? ""
    guard let time = Timestamp(parsing: text) else { return true }
    return nowSeconds >= time.seconds
  }
}
