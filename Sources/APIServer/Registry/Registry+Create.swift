import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  /// Creates an object.
  ///
  /// - Returns: the object as stored, with its uid and resourceVersion.
  /// - Throws: 409 where the name is taken, 422 where it is invalid, 403 where admission refuses.
  public func create(
    _ info: ResourceInfo, namespace: String?, object: JSONValue, context: RequestContext,
    isApply: Bool = false
  ) async throws(APIStatus) -> StoredObject {
    var object = object
    try checkType(of: object, info)
    try checkNamespace(of: &object, info, requested: namespace)
    if !object.resourceVersion.isEmpty {
      throw .internalError("resourceVersion should not be set on objects to be created")
    }
    let generated = object.name.isEmpty ? object.metadata["generateName"]?.stringValue ?? "" : ""
    for attempt in 0..<8 {
      var candidate = object
      if !generated.isEmpty {
        candidate.set(.string(Identifier.name(prefix: generated)), at: "metadata", "name")
      }
      do throws(APIStatus) {
        return try await createOnce(
          info, namespace: namespace, object: candidate, context, isApply: isApply)
      } catch {
        // A generated name that is taken is nobody's fault: try another one.
        let isCollision = error.reason == "AlreadyExists" && error.name == candidate.name
        // Its definition changed, or went away.
        let isOvertaken = info.custom != nil && error.reason == "Conflict"
        guard attempt < 7, isOvertaken || isCollision && !generated.isEmpty else { throw error }
      }
    }
    throw .internalError("no free name was found")
  }

  private func createOnce(
    _ info: ResourceInfo, namespace: String?, object: JSONValue, _ context: RequestContext,
    isApply: Bool
  ) async throws(APIStatus) -> StoredObject {
    var object = object
    let guardCompare = try await namespaceGuard(info, namespace: namespace, name: object.name)
    let sent = object.at("metadata", "managedFields")
    prepareMetadataForCreate(&object, info)
    let known = info.isPods ? podSpecs.known(decoded: object["spec"]) : nil
    takeAsAsked(&object, info, known)
    let managedFields =
      isApply ? sent : managedFieldsOfCreation(object, sent: sent, info, context, known)
    let asked = object
    if info.isPods {
      let surroundings = try await surroundings(of: object, info)
      try complete(&object, info, asked: asked, surroundings, known)
    } else {
      admitCreateEarly(&object, info, context)
      fillIn(&object, info, asked: asked)
      if info.gvr == .jobs { Self.generateSelector(of: &object) }
      Preparation.afterCreate(&object, info)
    }
    try await admitCreate(&object, info, context)
    object.set(managedFields, at: "metadata", "managedFields")
    if info.isServices {
      let unavailable = ServiceFields.prepareFamilies(&object)
      if !unavailable.isEmpty {
        throw APIStatus.invalid(
          kind: info.kind, group: info.errorGroup, name: object.name, errors: unavailable)
      }
    }
    let isKnownValid = known.map { isValid(&object, as: $0) } ?? false
    var errors =
      problemsOfCreation(object, info, context, isKnownValid: isKnownValid)
      + problemsOfDeviceAccess(object, info)
    if info.resource == "certificatesigningrequests" {
      errors += CertificateRequests.problems(of: object)
    }
    if !errors.isEmpty {
      throw APIStatus.invalid(
        kind: info.kind, group: info.errorGroup, name: object.name, errors: errors)
    }
    try await validateCreate(object, info, context)
    Preparation.afterValidation(&object, info)
    let warnings = ObjectWarnings.ofWrite(object, old: nil, info, isKnownGood: isKnownValid)
    for warning in warnings { context.warnings.add(warning) }
    if let known, !isKnownValid, warnings.isEmpty { noteValid(object, known) }
    let key = key(info, namespace: namespace, name: object.name)
    var compares = [Compare(key: key, revision: 0)]
    if let guardKey = try definitionGuard(info, object: object) { compares.append(guardKey) }
    let stored = storageForm(object, info)
    var plan = WritePlan(
      key: key, object: stored, compares: compares, mutations: [], verb: "create",
      guardCompare: guardCompare,
      quotaDemand: quotaDemand(object, old: nil, info, subresource: ""))
    if info.group.isEmpty, info.resource == "resourcequotas" {
      plan.mutations.append(NamespaceGuard.touch(object.namespace))
    }
    return try served(
      try await commitWithAllocations(&plan, info, old: nil, context), info)
  }

  /// One write: the object, and what goes with it in the same transaction.
  struct WritePlan {
    var key: Key
    var object: JSONValue
    var compares: [Compare]
    var mutations: [Mutation]
    var verb: String
    var subresource = ""
    /// Holds while the namespace is as it was when the write was admitted.
    var guardCompare: Compare?
    /// What quotas are asked for.
    var quotaDemand: QuotaCheck.Demand?
  }

  /// The largest object that is stored: etcd's bound on a request.
  static let maximumObjectBytes = 1536 * 1024

  /// Commits a plan, giving out cluster IPs and node ports with it; another address is tried
  /// where a different server took it first.
  func commitWithAllocations(
    _ plan: inout WritePlan, _ info: ResourceInfo, old: JSONValue?, _ context: RequestContext
  ) async throws(APIStatus) -> StoredObject {
    guard !context.dryRun, let namespace = plan.quotaDemand?.new.namespace,
      !quotas(namespace: namespace).isEmpty
    else { return try await commitInTurn(&plan, info, old: old, context) }
    var counted = plan
    return try await queues.run(namespace) { () async throws(APIStatus) -> StoredObject in
      try await self.commitInTurn(&counted, info, old: old, context)
    }
  }

  private func commitInTurn(
    _ plan: inout WritePlan, _ info: ResourceInfo, old: JSONValue?, _ context: RequestContext
  ) async throws(APIStatus) -> StoredObject {
    for _ in 0..<64 {
      var attempt = plan
      if let guardCompare = plan.guardCompare { attempt.compares.append(guardCompare) }
      if let demand = plan.quotaDemand { try count(demand, in: &attempt, info) }
      if info.isServices {
        try allocate(&attempt, old: old, dryRun: context.dryRun)
      }
      let encoded = ObjectCodec.encode(attempt.object)
      guard encoded.bytes.count <= Self.maximumObjectBytes else {
        // Clients know this message.
        throw APIStatus(code: 500, reason: "", message: "etcdserver: request is too large")
      }
      if context.dryRun {
        // Nothing is written, but a name that is taken must still be noticed.
        for compare in attempt.compares where compare.key == attempt.key {
          let actual = store.current().get(compare.key)?.modRevision ?? 0
          if actual != compare.revision {
            // Nothing is taken by it, so nothing need be free.
            let isAddress = compare.key != plan.key && addressObject(of: compare.key) != nil
            if Allocations.owns(compare.key) || isAddress { continue }
            throw conflict(info, plan: attempt, key: compare.key, actual: actual)
          }
        }
        let revision = attempt.compares.first?.revision ?? 0
        let bytes = revision == 0 ? Self.withoutRevision(encoded) : encoded.bytes(at: revision)
        return StoredObject(key: plan.key, bytes: bytes, revision: revision)
      }
      let transaction = transaction(
        compares: attempt.compares,
        mutations: [
          .put(
            key: attempt.key, value: encoded.bytes, revisionOffset: encoded.revisionOffset)
        ] + attempt.mutations,
        context: context, verb: attempt.verb, subresource: attempt.subresource)
      switch try await commit(transaction) {
      case .committed(let revision):
        return StoredObject(
          key: plan.key, bytes: encoded.bytes(at: revision), revision: revision)
      case .conflict(let key, let actual):
        if key != plan.key, Allocations.owns(key) || addressObject(of: key) != nil {
          let taken = addressObject(of: key) ?? key
          if plan.explicitAllocationKeys(old: old).contains(taken) {
            throw Allocations.taken(taken, object: plan.object)
          }
          continue
        }
        if key != plan.key, NamespaceGuard.owns(key) || Self.isQuota(key) {
          // The namespace's rules changed meanwhile, or another write was counted first.
          try await barrier()
          if plan.guardCompare != nil {
            plan.guardCompare = try await namespaceGuard(
              info, namespace: plan.object.namespace, name: plan.object.name)
          }
          continue
        }
        throw conflict(info, plan: attempt, key: key, actual: actual)
      }
    }
    if plan.quotaDemand != nil, !info.isServices {
      throw .conflict(
        GroupVersionResource(resource: "resourcequotas"), name: plan.object.namespace,
        APIStatus.modified)
    }
    throw .internalError("no free address was found, others were always faster")
  }

  private static func withoutRevision(_ encoded: ObjectCodec.Encoded) -> [UInt8] {
    let member = "\"resourceVersion\":\"\"".utf8.count
    let start = encoded.revisionOffset + 1 - member
    var bytes = encoded.bytes
    var end = encoded.revisionOffset + 1
    if end < bytes.count, bytes[end] == UInt8(ascii: ",") { end += 1 }
    guard start >= 0 else { return bytes }
    bytes.removeSubrange(start..<end)
    return bytes
  }

  func conflict(_ info: ResourceInfo, plan: WritePlan, key: Key, actual: Revision) -> APIStatus {
    let resource = info.gvr
    let name = plan.object.name
    if key == plan.key {
      if plan.compares.first(where: { $0.key == key })?.revision == 0 {
        return .alreadyExists(resource, name: name)
      }
      return actual == 0
        ? .notFound(resource, name: name)
        : .conflict(resource, name: name, APIStatus.modified)
    }
    // The namespace changed or went away meanwhile.
    return .conflict(resource, name: name, APIStatus.modified)
  }

  /// Creates objects in one transaction, e.g. those that every cluster has. Nothing but their
  /// metadata and defaults is added, and all or none are made.
  func createAll(
    _ objects: [(info: ResourceInfo, object: JSONValue)], context: RequestContext
  ) async throws(APIStatus) {
    var compares: [Compare] = []
    var mutations: [Mutation] = []
    for (info, object) in objects {
      var object = object
      prepareMetadataForCreate(&object, info)
      takeAsAsked(&object, info)
      let managedFields = managedFieldsOfCreation(object, sent: nil, info, context)
      prepareForCreate(&object, info)
      Defaulting.apply(to: &object, resource: info)
      object.set(managedFields, at: "metadata", "managedFields")
      let errors = Validation.create(object, resource: info)
      if !errors.isEmpty {
        throw APIStatus.invalid(
          kind: info.kind, group: info.errorGroup, name: object.name, errors: errors)
      }
      let key = key(info, namespace: object.namespace, name: object.name)
      let encoded = ObjectCodec.encode(storageForm(object, info))
      compares.append(Compare(key: key, revision: 0))
      mutations.append(
        .put(key: key, value: encoded.bytes, revisionOffset: encoded.revisionOffset))
    }
    let result = try await commit(
      transaction(compares: compares, mutations: mutations, context: context, verb: "create"))
    if case .conflict(let key, _) = result {
      throw .conflict(.namespaces, name: key.description, APIStatus.modified)
    }
  }

  // MARK: Checks and preparation

  func checkType(of object: JSONValue, _ info: ResourceInfo, kind: String? = nil)
    throws(APIStatus)
  {
    let expected = kind ?? info.kind
    let actualKind = object["kind"]?.stringValue ?? ""
    let actualVersion = object["apiVersion"]?.stringValue ?? ""
    if object.objectValue == nil {
      throw .badRequest(
        "Object 'Kind' is missing in '\(String(object.text.prefix(200)))'")
    }
    for name in ["apiVersion", "kind"] {
      guard let value = object[name], value.stringValue == nil, !value.isNull else { continue }
      throw .badRequest(
        "the object provided is unrecognized (must be of type \(expected)): couldn't get "
          + "version/kind; json parse error: json: cannot unmarshal \(value.typeName) into Go "
          + "struct field .\(name) of type string")
    }
    if info.custom != nil, kind == nil {
      guard actualVersion == info.gvr.apiVersion else {
        throw .badRequest(
          "the API version in the data (\(actualVersion)) does not match the expected API version "
            + "(\(info.gvr.apiVersion))")
      }
      guard actualKind == expected else {
        throw APIStatus.invalid(
          kind: actualKind, group: info.group, name: object.name,
          errors: [.invalid("kind", .string(actualKind), "must be \(expected)")])
      }
      return
    }
    // What a body leaves out is what its path says.
    guard actualKind.isEmpty || actualKind == expected,
      actualVersion.isEmpty || actualVersion == info.gvr.apiVersion
    else {
      throw .badRequest(
        "\(actualKind) in version \"\(actualVersion)\" cannot be handled as a \(expected): "
          + "no kind \"\(actualKind)\" is registered for version \"\(actualVersion)\" here; "
          + "this path takes \(info.gvr.apiVersion) \(expected)")
    }
    if let metadata = object["metadata"], metadata.objectValue == nil, !metadata.isNull {
      throw .badRequest(
        "\(expected) in version \"\(actualVersion)\" cannot be handled as a \(expected): "
          + "metadata must be an object")
    }
  }

  func checkNamespace(of object: inout JSONValue, _ info: ResourceInfo, requested: String?)
    throws(APIStatus)
  {
    if object["metadata"]?.objectValue == nil { object["metadata"] = .object([:]) }
    guard info.namespaced else {
      object.set(nil, at: "metadata", "namespace")
      return
    }
    let requested = requested ?? ""
    let named = object.namespace
    if !named.isEmpty, named != requested {
      throw .badRequest(
        "the namespace of the provided object does not match the namespace sent on the request")
    }
    object.set(.string(requested), at: "metadata", "namespace")
  }

  private func prepareMetadataForCreate(_ object: inout JSONValue, _ info: ResourceInfo) {
    var metadata = object["metadata"]?.objectValue ?? [:]
    object["metadata"] = .null  // So that what nobody shares is edited in place.
    metadata.editAll { name, value in
      !Self.givenByServer.contains(name) && !JSONValue.isEmptyMetadata(name, value)
    }
    metadata["uid"] = .string(Identifier.uuid())
    if info.tracksGeneration { metadata["generation"] = 1 }
    metadata["creationTimestamp"] = .string(WallClock.now())
    object["metadata"] = .object(metadata)
  }

  /// What a new object does not bring with it.
  private static let givenByServer: Set<String> = [
    "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "generation",
    "resourceVersion",
  ]

  /// What each kind wipes or fills before it is defaulted.
  /// The object as upstream decodes it: with its defaults, before anything else is done to it.
  private func takeAsAsked(
    _ object: inout JSONValue, _ info: ResourceInfo, _ known: PodSpecs.Known? = nil
  ) {
    dropStatus(of: &object, info)
    let complete = known?[\.complete]
    if let complete { object["spec"] = complete }
    Defaulting.apply(to: &object, resource: info, stored: complete.map { ["spec": $0] })
    if complete == nil { known?[\.complete] = object["spec"] }
  }

  /// Whether a pod is asked for what was found valid before.
  private func isValid(_ pod: inout JSONValue, as known: PodSpecs.Known) -> Bool {
    guard let valid = known[\.valid], var spec = pod["spec"] else { return false }
    pod["spec"] = .null  // So that what is equal is taken over in place.
    let isSame = spec.share(with: valid)
    pod["spec"] = spec
    return isSame
  }

  private func noteValid(_ pod: JSONValue, _ known: PodSpecs.Known) {
    guard let spec = pod["spec"], !PodSpecs.dependsOnLabels(spec) else { return }
    known[\.valid] = spec
  }

  private func dropStatus(of object: inout JSONValue, _ info: ResourceInfo) {
    if info.subresource("status") != nil, !info.keepsStatusOnCreate { object["status"] = nil }
  }

  private func prepareForCreate(_ object: inout JSONValue, _ info: ResourceInfo) {
    dropStatus(of: &object, info)
    if info.isDefinitions { Self.prepareDefinition(&object) }
    if info.isNamespaces {
      object.set(.string(object.name), at: "metadata", "labels", "kubernetes.io/metadata.name")
      var finalizers = object.at("spec", "finalizers")?.arrayValue ?? []
      if !finalizers.contains("kubernetes") { finalizers.append("kubernetes") }
      object.set(.array(finalizers), at: "spec", "finalizers")
      object["status"] = ["phase": "Active"]
    }
  }

  /// Fills in what a new object goes without, but for what depends on others.
  private func fillIn(_ object: inout JSONValue, _ info: ResourceInfo, asked: JSONValue) {
    prepareForCreate(&object, info)
    Preparation.beforeCreate(&object, info)
    Defaulting.apply(to: &object, resource: info, stored: asked)
  }

  /// Fills in a new pod. What comes of its specification is remembered: it hangs on nothing else than
  /// its surroundings, unless it selects pods by the pod's own labels, or limit ranges come to it.
  private func complete(
    _ pod: inout JSONValue, _ info: ResourceInfo, asked: JSONValue,
    _ surroundings: PodSurroundings, _ known: PodSpecs.Known?
  ) throws(APIStatus) {
    if let outcome = known?[\.outcome], outcome.surroundings == surroundings {
      pod["spec"] = outcome.spec
      dropStatus(of: &pod, info)
      Defaulting.apply(to: &pod, resource: info, stored: pod)
      finish(&pod, info, qosClass: outcome.qosClass)
      _ = admitComplete(&pod, isAdmitted: true)
      return
    }
    try admit(&pod, info, in: surroundings, volumeSuffix: known?.volumeSuffix)
    fillIn(&pod, info, asked: asked)
    let qosClass = QualityOfService.of(pod: pod)
    finish(&pod, info, qosClass: qosClass)
    let isLimited = admitComplete(&pod, isAdmitted: false)
    guard let known, !isLimited, let spec = pod["spec"], !PodSpecs.dependsOnLabels(spec) else {
      return
    }
    known[\.outcome] = PodOutcome(surroundings: surroundings, spec: spec, qosClass: qosClass)
  }

  private func finish(_ pod: inout JSONValue, _ info: ResourceInfo, qosClass: String) {
    pod.set("Pending", at: "status", "phase")
    pod.set(.string(qosClass), at: "status", "qosClass")
    Preparation.afterCreate(&pod, info)
  }

  /// Jobs find their pods by a label that nobody else can have.
  private static func generateSelector(of job: inout JSONValue) {
    guard job.at("spec", "manualSelector") != true else { return }
    let labels = [
      ("batch.kubernetes.io/controller-uid", job.uid),
      ("batch.kubernetes.io/job-name", job.name), ("controller-uid", job.uid),
      ("job-name", job.name),
    ]
    for (key, value) in labels {
      job.set(.string(value), at: "spec", "template", "metadata", "labels", key)
    }
    job.set(
      .string(job.uid), at: "spec", "selector", "matchLabels",
      "batch.kubernetes.io/controller-uid")
  }

  /// The object as it is stored: in the storage version of its resource.
  func storageForm(_ object: JSONValue, _ info: ResourceInfo) -> JSONValue {
    var object = object
    if let custom = info.custom {
      if info.gvr != info.storageGVR { custom.convert(&object, isStored: true) }
      return object
    }
    Conversion.convert(&object, from: info.gvr, to: info.storageGVR)
    return object
  }
}

extension JSONValue {
  /// Empty maps and lists of metadata are not kept, as with `omitempty`.
  mutating func dropEmptyMetadata() {
    guard let metadata = self["metadata"]?.objectValue else { return }
    for (name, value) in metadata where Self.isEmptyMetadata(name, value) {
      self.set(nil, at: "metadata", name)
    }
  }

  fileprivate static func isEmptyMetadata(_ name: String, _ value: JSONValue) -> Bool {
    switch value {
    case .null: true
    case .array(let values): values.isEmpty
    case .object(let members): members.isEmpty
    case .string(let text): text.isEmpty
    case .int(let number): number == 0 && name == "generation"
    default: false
    }
  }
}

/// The quality of service class of a pod, by its requests and limits.
enum QualityOfService {
  static func of(pod: JSONValue) -> String {
    let containers =
      (pod.at("spec", "containers")?.arrayValue ?? [])
      + (pod.at("spec", "initContainers")?.arrayValue ?? [])
    var hasAny = false
    var isGuaranteed = true
    for container in containers {
      let requests = container.at("resources", "requests")
      let limits = container.at("resources", "limits")
      for name in ["cpu", "memory"] {
        let request = requests?[name].flatMap(amount) ?? nil
        let limit = limits?[name].flatMap(amount) ?? nil
        if request != nil || limit != nil { hasAny = true }
        if limit == nil || (request ?? limit) != limit { isGuaranteed = false }
      }
    }
    if !hasAny { return "BestEffort" }
    return isGuaranteed ? "Guaranteed" : "Burstable"
  }

  /// `nil` for zero, which counts as not given.
  private static func amount(_ value: JSONValue) -> String? {
    let text = value.stringValue ?? value.text
    guard text != "0" else { return nil }
    return Quantity(parsing: text).map { "\($0)" } ?? text
  }
}
