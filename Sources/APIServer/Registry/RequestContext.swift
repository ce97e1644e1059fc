import Keyspace
import KubernetesAPI
import Synchronization

/// What a call says about its maker and about how it is to be done.
public struct RequestContext: Sendable {
  /// What happens to fields that the catalogue does not know.
  public enum FieldValidationMode: String, Sendable {
    case strict = "Strict"
    case warn = "Warn"
    case ignore = "Ignore"
  }

  public var user: UserInfo
  /// The authenticated user that acts as `user`; empty where nobody does.
  public var impersonator: String
  /// The client's User-Agent.
  public var agent: String
  /// The revision that this call reacts to; 0 where it begins a chain.
  public var cause: Revision
  public var dryRun: Bool
  public var fieldValidation: FieldValidationMode
  public var fieldManager: String
  /// What the text of a patch says twice.
  public var patchProblems = TextProblems()
  /// Filled while the call runs; an HTTP answer carries them as Warning headers.
  public var warnings: WarningCollector

  public init(
    user: UserInfo, impersonator: String = "", agent: String = "", cause: Revision = 0,
    dryRun: Bool = false, fieldValidation: FieldValidationMode = .ignore,
    fieldManager: String = ""
  ) {
    self.user = user
    self.impersonator = impersonator
    self.agent = agent
    self.cause = cause
    self.dryRun = dryRun
    self.fieldValidation = fieldValidation
    self.fieldManager = fieldManager
    warnings = WarningCollector()
  }

  func provenance(verb: String, subresource: String) -> Provenance {
    Provenance(
      user: user.name, impersonator: impersonator, agent: agent, verb: verb,
      subresource: subresource, cause: cause)
  }
}

/// Warnings of one call, each once, in order.
public final class WarningCollector: Sendable {
  private let messages = Mutex<[String]>([])

  public init() {}

  public var all: [String] { messages.withLock { $0 } }

  public func add(_ message: String) {
    messages.withLock { messages in
      // As upstream: what does not fit a header of reasonable size is dropped.
      if messages.count < 64, !messages.contains(message) { messages.append(message) }
    }
  }
}
