import JSONDocument

/// One webhook of a ValidatingWebhookConfiguration or a MutatingWebhookConfiguration. Pure.
public struct AdmissionWebhook: Sendable {
  /// Where it is reached.
  public enum Client: Sendable, Hashable {
    case url(String)
    case service(namespace: String, name: String, path: String, port: Int)
  }

  /// What the webhook's conditions say of a write.
  public enum Verdict: Sendable, Hashable {
    case call
    case skip
    /// They can't be evaluated, which only `failurePolicy: Ignore` makes up for.
    case failed(String)
  }

  public let name: String
  public let client: Client
  /// PEM; empty for the system's certificate authorities.
  public let certificateAuthorities: [UInt8]
  public let ignoresFailures: Bool
  public let timeoutSeconds: Int
  /// Whether a write that is not made may be shown to it.
  public let allowsDryRun: Bool
  /// Whether it is to look again at what webhooks after it have changed.
  public let isReinvoked: Bool
  /// `v1`, or `v1beta1` where that is all that it reads.
  public let reviewVersion: String
  private let match: ResourceMatch
  private let conditions: [(name: String, expression: PolicyExpression)]

  /// - Parameter value: an element of `webhooks`, valid and with its defaults.
  public init(_ value: JSONValue) {
    name = value["name"]?.stringValue ?? ""
    let client = value["clientConfig"]
    if let url = client?["url"]?.stringValue {
      self.client = .url(url)
    } else {
      let service = client?["service"]
      self.client = .service(
        namespace: service?["namespace"]?.stringValue ?? "",
        name: service?["name"]?.stringValue ?? "", path: service?["path"]?.stringValue ?? "/",
        port: Int(service?["port"]?.intValue ?? 443))
    }
    certificateAuthorities = Base64.decode(client?["caBundle"]?.stringValue ?? "") ?? []
    ignoresFailures = value["failurePolicy"] == "Ignore"
    timeoutSeconds = Int(value["timeoutSeconds"]?.intValue ?? 10)
    let effects = value["sideEffects"]?.stringValue
    allowsDryRun = effects == "None" || effects == "NoneOnDryRun"
    isReinvoked = value["reinvocationPolicy"] == "IfNeeded"
    let versions = value.texts("admissionReviewVersions")
    reviewVersion = versions.first { $0 == "v1" || $0 == "v1beta1" } ?? "v1"
    match = ResourceMatch(value, rules: "rules", isAllWithoutRules: false)
    conditions = (value["matchConditions"]?.arrayValue ?? []).compactMap { condition in
      PolicyExpression(condition["expression"]).map {
        (condition["name"]?.stringValue ?? "", $0)
      }
    }
  }

  /// All webhooks of a configuration.
  public static func all(of configuration: JSONValue) -> [AdmissionWebhook] {
    (configuration["webhooks"]?.arrayValue ?? []).map { AdmissionWebhook($0) }
  }

  /// Whether a write is to be shown to it.
  public func decide(_ attributes: AdmissionAttributes) -> Verdict {
    guard match.matches(attributes) else { return .skip }
    var run = PolicyRun(attributes, parameters: nil)
    for (name, expression) in conditions {
      switch run.value(of: expression) {
      case .success(.bool(true)): continue
      case .success(.bool(false)): return .skip
      case .success: return .failed("match condition '\(name)' is no boolean")
      case .failure(let error):
        return .failed("match condition '\(name)' resulted in error: \(error.message)")
      }
    }
    return .call
  }
}
