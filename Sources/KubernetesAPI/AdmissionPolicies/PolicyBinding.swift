import JSONDocument

/// A ValidatingAdmissionPolicyBinding: where a policy holds, by which parameters, and what becomes
/// of a write that it does not like.
public struct PolicyBinding: Sendable {
  /// Which objects parametrize the policy.
  public struct Parameters: Sendable {
    /// Empty where a selector selects them.
    public var name: String
    /// Empty for the namespace of the write.
    public var namespace: String
    public var selector: LabelSelector?
    /// Whether a write is refused where there are none.
    public var areNeeded: Bool
  }

  public let name: String
  public let policyName: String
  public let parameters: Parameters?
  public let denies: Bool
  public let warns: Bool
  private let match: ResourceMatch

  public init(_ object: JSONValue) {
    let spec = object["spec"]
    name = object.at("metadata", "name")?.stringValue ?? ""
    policyName = spec?["policyName"]?.stringValue ?? ""
    parameters = (spec?["paramRef"]).map {
      Parameters(
        name: $0["name"]?.stringValue ?? "", namespace: $0["namespace"]?.stringValue ?? "",
        selector: $0["selector"].map { LabelSelector(object: $0) },
        areNeeded: $0["parameterNotFoundAction"] != "Allow")
    }
    let actions = spec?.texts("validationActions") ?? []
    denies = actions.contains("Deny")
    warns = actions.contains("Warn")
    match = ResourceMatch(spec?["matchResources"])
  }

  public func matches(_ attributes: AdmissionAttributes) -> Bool { match.matches(attributes) }
}
