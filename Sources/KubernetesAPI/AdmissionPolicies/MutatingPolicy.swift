import JSONDocument

/// A MutatingAdmissionPolicy, compiled (KEP-3962). Pure.
public struct MutatingPolicy: Sendable {
  private struct Mutation: Sendable {
    enum Kind: Sendable { case applyConfiguration, jsonPatch }
    var kind: Kind
    var expression: PolicyExpression
  }

  /// What a policy makes of an object.
  public struct Outcome: Sendable {
    public var object: JSONValue
    /// Whether the policy's conditions hold of the write.
    public var isInvoked = true
    /// Why a mutation could not be made; the others were all the same.
    public var problems: [String] = []
  }

  public let head: PolicyHead
  /// Whether it is to look again at what policies after it have changed.
  public let isReinvoked: Bool
  private let mutations: [Mutation]

  /// - Parameter object: a policy that is valid.
  public init(_ object: JSONValue) {
    let spec = object["spec"]
    head = PolicyHead(object)
    isReinvoked = spec?["reinvocationPolicy"] == "IfNeeded"
    mutations = (spec?["mutations"]?.arrayValue ?? []).compactMap { value in
      let isPatch = value["patchType"] == "JSONPatch"
      let source = value.at(isPatch ? "jsonPatch" : "applyConfiguration", "expression")
      return PolicyExpression(source).map {
        Mutation(kind: isPatch ? .jsonPatch : .applyConfiguration, expression: $0)
      }
    }
  }

  /// Changes the object of a write that the policy is about, by one mutation after the other.
  ///
  /// - Parameters:
  ///   - parameters: the object that parametrizes the policy, if it has such.
  ///   - schema: of the object's type; nil where none is known.
  ///   - complete: brings what a mutation leaves into the form that objects of the type have, or
  ///     says why it can't.
  public func mutate(
    _ attributes: AdmissionAttributes, parameters: JSONValue?, schema: ApplySchema?,
    complete: (JSONValue) -> Result<JSONValue, MutationProblem>
  ) -> Outcome {
    guard var object = attributes.object else { return Outcome(object: .null, isInvoked: false) }
    var run: PolicyRun
    do throws(CELError) {
      guard let begun = try head.begin(attributes, parameters: parameters) else {
        return Outcome(object: object, isInvoked: false)
      }
      run = begun
    } catch {
      return Outcome(object: object, isInvoked: false, problems: [error.message])
    }
    var problems: [String] = []
    for mutation in mutations {
      do throws(MutationProblem) {
        let changed = try apply(mutation, to: object, schema, &run)
        guard changed != object else { continue }
        object = try complete(changed).get()
        run.setObject(object)
      } catch {
        problems.append(error.message)
      }
    }
    return Outcome(object: object, problems: problems)
  }

  private func apply(
    _ mutation: Mutation, to object: JSONValue, _ schema: ApplySchema?, _ run: inout PolicyRun
  ) throws(MutationProblem) -> JSONValue {
    let value: CELValue
    switch run.value(of: mutation.expression) {
    case .success(let result): value = result
    case .failure(let error):
      throw MutationProblem(
        "expression '\(mutation.expression.text.trimmingSpaces)' resulted in error: "
          + run.explained(error))
    }
    switch mutation.kind {
    case .applyConfiguration:
      guard case .object(var members)? = value.json else {
        throw MutationProblem("type mismatch: the expression gives no Object")
      }
      for name in ["kind", "apiVersion"] { members[name] = object[name] }
      return try merged(object, .object(members), schema)
    case .jsonPatch:
      guard let patch = value.json, patch.arrayValue != nil else {
        throw MutationProblem(
          "JSONPath valueExpression evaluated to a type that could not marshal to JSON")
      }
      do throws(PatchError) {
        return try JSONPatch.apply(patch, to: object)
      } catch {
        // One that tests and finds something else is not applied, and that is all.
        if case .testFailed = error { return object }
        throw MutationProblem("JSONPath: \(error)")
      }
    }
  }

  private func merged(
    _ object: JSONValue, _ configuration: JSONValue, _ schema: ApplySchema?
  ) throws(MutationProblem) -> JSONValue {
    guard let schema else {
      throw MutationProblem("error applying patch: the type has no schema")
    }
    let atomics = schema.atomics(in: configuration)
    guard atomics.isEmpty else {
      throw MutationProblem(
        "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or "
          + "structs: \(atomics.joined(separator: ", "))")
    }
    return schema.merge(object, configuration)
  }
}

/// Why a mutation can't be made.
public struct MutationProblem: Error, Sendable {
  public var message: String

  public init(_ message: String) { self.message = message }
}

extension ApplySchema {
  /// The paths of objects and lists in a configuration that would be replaced as a whole.
  func atomics(in configuration: JSONValue) -> [String] {
    var found: [String] = []
    collectAtomics(configuration, root, "", depth: 0, &found)
    return found
  }

  private func collectAtomics(
    _ value: JSONValue, _ id: ID, _ path: String, depth: Int, _ found: inout [String]
  ) {
    guard depth < Self.maximumDepth else { return }
    switch (kind(id), value) {
    case (.atomicObject, .object), (.atomicList, .array): found.append(path)
    case (.object(let fields, _), .object(let members)):
      for (name, member) in members {
        guard let field = fields[name] else { continue }
        collectAtomics(member, field, "\(path).\(name)", depth: depth + 1, &found)
      }
    case (.keyed(_, let element), .array(let items)):
      for (index, item) in items.enumerated() {
        collectAtomics(item, element, "\(path)[\(index)]", depth: depth + 1, &found)
      }
    default: break
    }
  }
}
