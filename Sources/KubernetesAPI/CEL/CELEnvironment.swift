/// The names and types that an expression of the API may use outside of custom resources: in
/// admission policies (KEP-3488, KEP-3962), conditions of webhooks (KEP-3716) and device selectors
/// (KEP-4381).
struct CELEnvironment: Sendable {
  /// What an expression comes to, or why it can't be used.
  enum Outcome: Sendable {
    case type(CELType, CELExpression)
    case problem(String)
  }

  var variables: [String: CELType]
  var hasPatchTypes = false
  var hasBindings = false

  /// Parses and checks an expression; problems are worded as upstream words them.
  func compile(_ source: String) -> Outcome {
    do throws(CELProblem) {
      let expression = try CELParser.parse(source)
      let checker = CELChecker(
        source: source, variables: variables, hasPatchTypes: hasPatchTypes,
        hasBindings: hasBindings)
      return .type(try checker.check(expression), expression)
    } catch {
      return .problem("compilation failed: \(error.description)")
    }
  }

  static let authorizer = CELType.opaque("kubernetes.authorization.Authorizer")
  static let resourceCheck = CELType.opaque("kubernetes.authorization.ResourceCheck")

  /// That of an admission policy or of a webhook's conditions.
  static func admission(hasParameters: Bool, hasAuthorizer: Bool = true) -> CELEnvironment {
    var variables: [String: CELType] = [
      "object": .dyn, "oldObject": .dyn, "request": request, "namespaceObject": namespace,
    ]
    if hasParameters { variables["params"] = .dyn }
    if hasAuthorizer { variables["authorizer"] = authorizer }
    return CELEnvironment(variables: variables)
  }

  /// Makes the variables of a policy known, each by the type that it has.
  mutating func define(_ names: [String: CELType]) {
    variables["variables"] = Self.object(names)
  }

  private static func object(_ fields: [String: CELType]) -> CELType {
    .object(CELObjectType(fields: fields.mapValues { CELDeclaration(type: $0) }))
  }

  private static let texts = CELType.map(.string, .string)

  private static let request: CELType = {
    let kind = object(["group": .string, "version": .string, "kind": .string])
    let resource = object(["group": .string, "version": .string, "resource": .string])
    let user = object([
      "username": .string, "uid": .string, "groups": .list(.string),
      "extra": .map(.string, .list(.string)),
    ])
    return object([
      "kind": kind, "resource": resource, "subResource": .string, "requestKind": kind,
      "requestResource": resource, "requestSubResource": .string, "name": .string,
      "namespace": .string, "operation": .string, "userInfo": user, "dryRun": .bool,
      "options": .dyn,
    ])
  }()

  private static let namespace: CELType = {
    let condition = object([
      "status": .string, "type": .string, "lastTransitionTime": .timestamp, "message": .string,
      "reason": .string,
    ])
    return object([
      "metadata": object([
        "name": .string, "generateName": .string, "namespace": .string, "labels": texts,
        "annotations": texts, "UID": .string, "creationTimestamp": .timestamp,
        "deletionGracePeriodSeconds": .int, "deletionTimestamp": .timestamp, "generation": .int,
        "resourceVersion": .string, "finalizers": .list(.string),
      ]),
      "spec": object(["finalizers": .list(.string)]),
      "status": object(["conditions": .list(condition), "phase": .string]),
    ])
  }()

  // MARK: Devices

  /// How many attributes or capacities a device may have.
  private static let maximumAttributes: UInt64 = 32

  /// What selectors see of a device, with the bounds that the API sets.
  static let device: CELDeclaration = {
    func text(_ size: UInt64) -> CELDeclaration {
      CELDeclaration(type: .string, maximumSize: size)
    }
    func byDomain(_ value: CELDeclaration) -> CELDeclaration {
      let inner = CELDeclaration(
        type: .map(.string, value.type), maximumSize: maximumAttributes, element: [value])
      return CELDeclaration(
        type: .map(.string, inner.type), maximumSize: maximumAttributes, element: [inner])
    }
    return CELDeclaration(
      type: .object(
        CELObjectType(fields: [
          "driver": text(63),
          "attributes": byDomain(CELDeclaration(type: .dyn, maximumSize: 64)),
          "capacity": byDomain(CELDeclaration(type: .opaque("quantity"))),
          "allowMultipleAllocations": CELDeclaration(type: .bool),
        ])))
  }()

  static let deviceSelector = CELEnvironment(
    variables: ["device": device.type], hasBindings: true)
}
