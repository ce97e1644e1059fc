/// Which user is which node.
enum NodeIdentity {
  static let group = "system:nodes"
  static let prefix = "system:node:"

  /// The name of the node that a user is; `nil` for everybody else.
  static func nodeName(of user: UserInfo) -> String? {
    guard user.name.hasPrefix(prefix), user.groups.contains(group) else { return nil }
    return String(user.name.dropFirst(prefix.count))
  }
}
