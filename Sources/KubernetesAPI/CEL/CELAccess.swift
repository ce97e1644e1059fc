/// A question of authorization that an expression asks.
public struct AccessQuestion: Sendable, Hashable {
  /// A service account to ask for instead of the caller.
  public struct ServiceAccount: Sendable, Hashable {
    public var namespace: String
    public var name: String
  }

  public var serviceAccount: ServiceAccount?
  public var verb = ""
  /// nil where it is about a resource.
  public var path: String?
  public var group = ""
  public var resource = ""
  public var subresource = ""
  public var namespace = ""
  public var name = ""
}

/// What came of it.
public struct AccessAnswer: Sendable, Hashable {
  public var isAllowed: Bool
  public var reason: String

  public init(isAllowed: Bool, reason: String) {
    self.isAllowed = isAllowed
    self.reason = reason
  }
}

/// The variable `authorizer` of admission policies, and what is made of it on the way to a check
/// (KEP-3488).
struct CELAccess: Sendable {
  enum Stage: Sendable { case authorizer, group, resource, path }

  var decide: @Sendable (AccessQuestion) -> AccessAnswer
  /// What `requestResource` asks for.
  var request: AccessQuestion
  var stage = Stage.authorizer
  var question = AccessQuestion()

  var typeName: String {
    switch stage {
    case .authorizer: "kubernetes.authorization.Authorizer"
    case .group: "kubernetes.authorization.GroupCheck"
    case .resource: "kubernetes.authorization.ResourceCheck"
    case .path: "kubernetes.authorization.PathCheck"
    }
  }

  /// That of the write which is looked at.
  var requestResource: CELAccess? {
    guard stage == .authorizer else { return nil }
    var access = self
    let account = question.serviceAccount
    access.question = request
    access.question.serviceAccount = account
    access.stage = .resource
    return access
  }

  /// What upstream takes for one check.
  static let checkCost = 350_000
}

extension CELEvaluator {
  /// Functions of authorizers, of what they are narrowed to, and of decisions; `nil` for others.
  mutating func access(_ name: String, _ values: [CELValue]) throws(CELError) -> CELValue? {
    if case .accessAnswer(let answer)? = values.first, values.count == 1 {
      switch name {
      case "allowed": return .bool(answer.isAllowed)
      case "reason": return .string(answer.reason)
      case "errored": return .bool(false)
      case "error": return .string("")
      default: return nil
      }
    }
    guard case .access(var access)? = values.first else { return nil }
    var words: [String] = []
    for value in values.dropFirst() {
      guard case .string(let word) = value else { throw Self.noOverload }
      words.append(word)
    }
    switch (access.stage, name, words.count) {
    case (.authorizer, "serviceAccount", 2):
      access.question.serviceAccount = .init(namespace: words[0], name: words[1])
    case (.authorizer, "group", 1):
      access.question.group = words[0]
      access.stage = .group
    case (.authorizer, "path", 1):
      access.question.path = words[0]
      access.stage = .path
    case (.group, "resource", 1):
      access.question.resource = words[0]
      access.stage = .resource
    case (.resource, "subresource", 1): access.question.subresource = words[0]
    case (.resource, "namespace", 1): access.question.namespace = words[0]
    case (.resource, "name", 1): access.question.name = words[0]
    // Roles say nothing of selectors.
    case (.resource, "fieldSelector", 1), (.resource, "labelSelector", 1): break
    case (.resource, "check", 1), (.path, "check", 1):
      try spend(CELAccess.checkCost)
      access.question.verb = words[0]
      return .accessAnswer(access.decide(access.question))
    default: return nil
    }
    return .access(access)
  }
}
