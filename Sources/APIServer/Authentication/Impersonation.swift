import KubernetesAPI
import NIOHTTP1
import Synchronization

/// Acting as somebody else: whom a request names, and what the caller must be allowed for it.
enum Impersonation {
  /// Whom a request asks to act as; `nil` for nobody.
  ///
  /// - Throws: 400 for groups and the like of nobody.
  static func requested(_ headers: HTTPHeaders) throws(APIStatus) -> UserInfo? {
    let groups = headers["impersonate-group"]
    let uid = headers.first(name: "impersonate-uid") ?? ""
    var extra: [String: [String]] = [:]
    for (name, value) in headers {
      let lower = name.lowercased()
      guard lower.hasPrefix("impersonate-extra-") else { continue }
      extra[percentDecoded(lower.dropFirst("impersonate-extra-".count).utf8), default: []]
        .append(value)
    }
    guard let name = headers.first(name: "impersonate-user"), !name.isEmpty else {
      if groups.isEmpty, extra.isEmpty, uid.isEmpty { return nil }
      throw .badRequest(
        "requested \(describe(groups, uid, extra)) without impersonating a user name")
    }
    var user = UserInfo(name: name, uid: uid, groups: groups, extra: extra)
    if groups.isEmpty, let account = serviceAccount(name) {
      user.groups = ["system:serviceaccounts", "system:serviceaccounts:\(account.namespace)"]
    }
    if name == "system:anonymous" {
      if !user.groups.contains("system:unauthenticated") {
        user.groups.append("system:unauthenticated")
      }
    } else if !user.groups.contains("system:authenticated"),
      !user.groups.contains("system:unauthenticated")
    {
      user.groups.append("system:authenticated")
    }
    return user
  }

  private static func describe(_ groups: [String], _ uid: String, _ extra: [String: [String]])
    -> String
  {
    func list(_ values: [String]) -> String {
      "[]string{" + values.map(GoFormat.quoted).joined(separator: ", ") + "}"
    }
    let members = extra.sorted { $0.key < $1.key }
      .map { "\(GoFormat.quoted($0.key)):\(list($0.value))" }.joined(separator: ", ")
    return "&user.DefaultInfo{Name:\"\", UID:\(GoFormat.quoted(uid)), "
      + "Groups:\(groups.isEmpty ? "[]string(nil)" : list(groups)), "
      + "Extra:map[string][]string\(extra.isEmpty ? "(nil)" : "{\(members)}")}"
  }

  static func serviceAccount(_ user: String) -> (namespace: String, name: String)? {
    let parts = user.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount",
      !parts[2].isEmpty, !parts[3].isEmpty
    else { return nil }
    return (String(parts[2]), String(parts[3]))
  }

  /// Constrained impersonation (KEP-5284): the right to act as somebody for single actions.
  enum Mode: String, Sendable {
    case userInfo = "user-info"
    case serviceAccount = "serviceaccount"
    case arbitraryNode = "arbitrary-node"
    case associatedNode = "associated-node"

    /// The modes in which `caller` may try to act as `asked`.
    static func of(_ asked: UserInfo, by caller: UserInfo) -> [Mode] {
      if asked.name.hasPrefix(NodeIdentity.prefix) {
        let node = caller.extra["authentication.kubernetes.io/node-name"]?.first
        let isOwn = node.map { asked.name == NodeIdentity.prefix + $0 } ?? false
        return isOwn ? [.associatedNode, .arbitraryNode] : [.arbitraryNode]
      }
      return Impersonation.serviceAccount(asked.name) == nil ? [.userInfo] : [.serviceAccount]
    }
  }

  /// What must be allowed to act as `asked`, in order; with a mode, what the mode asks for.
  static func questions(_ asked: UserInfo, by caller: UserInfo, mode: Mode?) -> [AccessAttributes] {
    let verb = mode.map { "impersonate:\($0.rawValue)" } ?? "impersonate"
    let group = mode == nil ? "" : "authentication.k8s.io"
    func question(
      _ resource: String, _ name: String, group: String, namespace: String = "",
      subresource: String = ""
    ) -> AccessAttributes {
      AccessAttributes(
        user: caller, verb: verb, group: group, resource: resource, subresource: subresource,
        namespace: namespace, name: name)
    }
    var questions: [AccessAttributes] = []
    var implied: Set<String> = ["system:authenticated", "system:unauthenticated"]
    switch mode {
    case .associatedNode, .arbitraryNode:
      let name = String(asked.name.dropFirst(NodeIdentity.prefix.count))
      questions.append(
        question("nodes", mode == .associatedNode ? "*" : name, group: group))
      implied.insert(NodeIdentity.group)
    default:
      if let account = serviceAccount(asked.name) {
        questions.append(
          question(
            "serviceaccounts", account.name, group: group, namespace: account.namespace))
        implied.formUnion([
          "system:serviceaccounts", "system:serviceaccounts:\(account.namespace)",
        ])
      } else {
        questions.append(question("users", asked.name, group: group))
      }
    }
    for name in asked.groups where !implied.contains(name) {
      questions.append(question("groups", name, group: group))
    }
    if !asked.uid.isEmpty {
      questions.append(question("uids", asked.uid, group: "authentication.k8s.io"))
    }
    for (key, values) in asked.extra.sorted(by: { $0.key < $1.key }) {
      for value in values {
        questions.append(
          question("userextras", value, group: "authentication.k8s.io", subresource: key))
      }
    }
    return questions
  }
}

/// Asks whether callers may act as others, and remembers who did it the old way: whose refusals
/// speak of that way then.
final class ImpersonationGate: Sendable {
  static let maximumRemembered = 1000
  private let authorizer: Authorizer
  private let remembered = Mutex<Set<String>>([])

  init(authorizer: Authorizer) { self.authorizer = authorizer }

  /// - Parameter action: what is to be done as `asked`, with the caller as its user.
  func check(_ asked: UserInfo, by caller: UserInfo, action: AccessAttributes) throws(APIStatus) {
    if caller.isMaster { return }
    let refusal = firstRefusal(Impersonation.questions(asked, by: caller, mode: nil))
    guard let refusal else {
      remembered.withLock { names in
        if names.count >= Self.maximumRemembered { names = [] }
        names.insert(caller.name)
      }
      return
    }
    var constrained: AccessAttributes?
    for mode in Impersonation.Mode.of(asked, by: caller) {
      var act = action
      act.verb = "impersonate-on:\(mode.rawValue):\(action.verb)"
      let questions = [act] + Impersonation.questions(asked, by: caller, mode: mode)
      guard let failed = firstRefusal(questions) else { return }
      constrained = constrained ?? failed
    }
    let wasOld = remembered.withLock { $0.contains(caller.name) }
    throw (wasOld ? refusal : constrained ?? refusal).denial()
  }

  private func firstRefusal(_ questions: [AccessAttributes]) -> AccessAttributes? {
    questions.first { !authorizer.allows($0) }
  }
}
