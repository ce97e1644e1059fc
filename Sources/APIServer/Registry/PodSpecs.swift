import JSONDocument
import KubernetesAPI
import Synchronization

/// What came of specifications of pods that were asked for before.
///
/// Controllers make many pods of one template, whose requests have the same specification, byte for byte. Such
/// requests share its tree (`SubtreeCache`), and by that tree's identity is remembered here what decoding,
/// defaults, ownership and validation made of it, all of which depend on nothing else.
final class PodSpecs: Sendable {
  /// One specification. Each step is filled in by the first request that takes it.
  final class Known: Sendable {
    struct Steps {
      /// With its defaults.
      var complete: JSONValue?
      /// What its creator owns of it, as `managedFields` has it; depends on the manager's schema only.
      var owned: JSONValue?
      /// What admission last made of it.
      var outcome: PodOutcome?
      /// As it was after admission when it was last found valid, with nothing to warn of.
      var valid: JSONValue?
    }

    /// As the request had it. Held, so that nothing else can have its identity.
    fileprivate let sent: JSONValue
    /// Without what its type does not have.
    let decoded: JSONValue
    /// What the volume with the token of its service account is called, which only has to be another name
    /// than those of the pod's other volumes: with one for all pods of a template they stay alike.
    let volumeSuffix = Identifier.suffix()
    private let steps = Mutex(Steps())

    fileprivate init(sent: JSONValue, decoded: JSONValue) {
      self.sent = sent
      self.decoded = decoded
    }

    subscript<Step>(step: WritableKeyPath<Steps, Step?> & Sendable) -> Step? {
      get { steps.withLock { $0[keyPath: step] } }
      set { steps.withLock { $0[keyPath: step] = newValue } }
    }
  }

  private struct State {
    var bySent: [ObjectIdentifier: Known] = [:]
    var byDecoded: [ObjectIdentifier: Known] = [:]
    /// In the order in which they came.
    var order: [Known] = []
  }

  private let state = Mutex(State())

  static let maximumCount = 64

  /// Whether it selects pods by the labels of the pod itself, so that what they are decides whether it is
  /// valid, and what it is made to select.
  static func dependsOnLabels(_ spec: JSONValue) -> Bool {
    spec["affinity"] != nil || spec["topologySpreadConstraints"] != nil
  }

  /// Has a request's pod decoded, the specification of which others have had too: one that is known
  /// is taken as it came out then.
  ///
  /// - Parameter decode: drops what is unknown, and passes over what is identical to `stored`.
  func decode(
    _ pod: inout JSONValue,
    _ decode: (_ pod: inout JSONValue, _ stored: JSONValue?) throws(APIStatus) ->
      FieldValidation.Findings
  ) throws(APIStatus) {
    let sent = pod["spec"]
    let known = known(sent: sent)
    if let known { pod["spec"] = known.decoded }
    let findings = try decode(&pod, known.map { ["spec": $0.decoded] })
    if known == nil, findings.unknown.isEmpty { note(sent: sent, decoded: pod["spec"]) }
  }

  private func known(sent spec: JSONValue?) -> Known? {
    guard let identity = spec?.objectValue?.identity else { return nil }
    return state.withLock { $0.bySent[identity] }
  }

  /// What is known of the specification of a pod that was decoded.
  func known(decoded spec: JSONValue?) -> Known? {
    guard let identity = spec?.objectValue?.identity else { return nil }
    return state.withLock { $0.byDecoded[identity] }
  }

  private func note(sent: JSONValue?, decoded: JSONValue?) {
    guard let sent, let decoded, let before = sent.objectValue?.identity,
      let after = decoded.objectValue?.identity
    else { return }
    let known = Known(sent: sent, decoded: decoded)
    state.withLock { state in
      guard state.bySent[before] == nil else { return }
      if state.order.count >= Self.maximumCount {
        let oldest = state.order.removeFirst()
        oldest.sent.objectValue?.identity.map { state.bySent[$0] = nil }
        oldest.decoded.objectValue?.identity.map { state.byDecoded[$0] = nil }
      }
      state.order.append(known)
      state.bySent[before] = known
      state.byDecoded[after] = known
    }
  }
}
