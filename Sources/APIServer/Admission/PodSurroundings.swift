import JSONDocument

/// What admission finds around a new pod. With the pod's specification this decides what becomes of that.
struct PodSurroundings: Sendable, Hashable {
  struct Account: Sendable, Hashable {
    var name: String
    var imagePullSecrets: JSONValue?
    /// nil: the account does not say.
    var mountsToken: Bool?
  }

  struct Priority: Sendable, Hashable {
    /// The default class, if that is where the number comes from.
    var defaultClass: String?
    var value: Int64
    var preemptionPolicy: String
  }

  /// nil where pods are given none, as the mirrors of a node's own pods.
  var account: Account?
  var priority: Priority?
  /// The class itself; nil where the pod names none.
  var runtimeClass: JSONValue?
}

/// What came of a new pod's specification: its defaults, and what admission gives every pod of the same
/// surroundings. Limit ranges, policies and webhooks, which may look at more, come after it.
struct PodOutcome: Sendable {
  var surroundings: PodSurroundings
  var spec: JSONValue
  var qosClass: String
}
