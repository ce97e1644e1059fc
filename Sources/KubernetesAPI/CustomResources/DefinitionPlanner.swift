import JSONDocument

/// Decides which names definitions get, and whether they are served. Pure: servers that see the same
/// definitions come to the same result.
public enum DefinitionPlanner {
  /// The status that a definition should have, beside all others.
  ///
  /// - Parameter now: RFC 3339, for conditions that change.
  /// - Returns: nil where it has that already.
  public static func status(of object: JSONValue, among all: [JSONValue], now: String)
    -> JSONValue?
  {
    let definition = CustomResourceDefinition(object)
    var resources: Set<String> = []
    var kinds: Set<String> = []
    for other in all {
      let other = CustomResourceDefinition(other)
      guard other.group == definition.group, other.name != definition.name else { continue }
      let names = other.acceptedNames
      resources.formUnion([names.plural, names.singular] + names.shortNames)
      kinds.formUnion([names.kind, names.listKind])
    }
    resources.remove("")
    kinds.remove("")
    var accepted = definition.acceptedNames
    let asked = definition.names
    var conflict: (reason: String, message: String)?
    func isFree(_ wanted: String, _ held: String, _ taken: Set<String>, _ reason: String) -> Bool {
      if wanted == held || !taken.contains(wanted) { return true }
      conflict = (reason, "\(GoFormat.quoted(wanted)) is already in use")
      return false
    }
    if isFree(asked.plural, accepted.plural, resources, "PluralConflict") {
      accepted.plural = asked.plural
    }
    if isFree(asked.singular, accepted.singular, resources, "SingularConflict") {
      accepted.singular = asked.singular
    }
    let taken = asked.shortNames.filter {
      !accepted.shortNames.contains($0) && resources.contains($0)
    }
    if taken.isEmpty {
      accepted.shortNames = asked.shortNames
    } else {
      let texts = taken.map { "\(GoFormat.quoted($0)) is already in use" }
      conflict = (
        "ShortNamesConflict",
        texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
      )
    }
    if isFree(asked.kind, accepted.kind, kinds, "KindConflict") { accepted.kind = asked.kind }
    if isFree(asked.listKind, accepted.listKind, kinds, "ListKindConflict") {
      accepted.listKind = asked.listKind
    }
    accepted.categories = asked.categories

    var status = object["status"] ?? [:]
    var conditions = status["conditions"]?.arrayValue ?? []
    set(
      &conditions, "NamesAccepted", conflict == nil, conflict?.reason ?? "NoConflicts",
      conflict?.message ?? "no conflicts found", now)
    // Once established it stays so, whatever its names come to.
    if !definition.isEstablished {
      set(
        &conditions, "Established", conflict == nil,
        conflict == nil ? "InitialNamesAccepted" : "NotAccepted",
        conflict == nil
          ? "the initial names have been accepted" : "not all names are accepted", now)
    }
    if ProtectedGroup.isProtected(definition.group) {
      let approval = ProtectedGroup.approval(of: object)
      let (isTrue, reason): (Bool, String) =
        switch approval {
        case .approved: (true, "ApprovedAnnotation")
        case .bypassed: (false, "UnapprovedAnnotation")
        case .missing: (false, "MissingAnnotation")
        case .invalid: (false, "InvalidAnnotation")
        }
      set(
        &conditions, "KubernetesAPIApprovalPolicyConformant", isTrue, reason, approval.reason,
        now)
    }
    status["conditions"] = .array(conditions)
    status["acceptedNames"] = accepted.json
    return status == object["status"] ? nil : status
  }

  /// Sets a condition; its time changes only with its status.
  public static func set(
    _ conditions: inout [JSONValue], _ type: String, _ isTrue: Bool, _ reason: String,
    _ message: String, _ now: String
  ) {
    var condition: JSONValue = [
      "type": .string(type), "status": isTrue ? "True" : "False",
      "lastTransitionTime": .string(now), "reason": .string(reason),
      "message": .string(message),
    ]
    guard let index = conditions.firstIndex(where: { $0["type"]?.stringValue == type }) else {
      conditions.append(condition)
      return
    }
    if conditions[index]["status"] == condition["status"] {
      condition["lastTransitionTime"] = conditions[index]["lastTransitionTime"]
      if let generation = conditions[index]["observedGeneration"] {
        condition["observedGeneration"] = generation
      }
    }
    conditions[index] = condition
  }

  /// Keeps a definition until its objects are gone.
  public static let finalizer = "customresourcecleanup.apiextensions.k8s.io"

  /// The status of a definition that begins to go, is going, or has nothing left.
  public enum Removal: Sendable {
    case pending, running, done

    var condition: (Bool, String, String) {
      switch self {
      case .pending:
        (
          true, "InstanceDeletionPending",
          "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
        )
      case .running:
        (true, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
      case .done: (false, "InstanceDeletionCompleted", "removed all instances")
      }
    }
  }

  public static func mark(_ object: inout JSONValue, _ removal: Removal, now: String) {
    var conditions = object.at("status", "conditions")?.arrayValue ?? []
    let (isTrue, reason, message) = removal.condition
    set(&conditions, "Terminating", isTrue, reason, message, now)
    object.set(.array(conditions), at: "status", "conditions")
  }
}
