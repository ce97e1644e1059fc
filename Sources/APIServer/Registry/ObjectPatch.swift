import JSONDocument
import KubernetesAPI

extension APIStatus {
  /// The answer to a patch whose result is not of the object's type.
  static func invalidPatch(leaving object: JSONValue, _ detail: String) -> APIStatus {
    .invalid(
      kind: "", group: "", name: "",
      errors: [.invalid("patch", .string(object.text), detail)])
  }

  /// With the members in the order in which Go writes a map, as which upstream patches an object.
  static func invalidPatch(leavingMap object: JSONValue, _ detail: String) -> APIStatus {
    guard let members = object.objectValue else { return invalidPatch(leaving: object, detail) }
    let sorted = JSONObject(members.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 })
    return invalidPatch(leaving: .object(sorted), detail)
  }
}

/// A change to an object in one of the forms that the API takes.
public enum ObjectPatch: Sendable {
  case json(JSONValue)
  case merge(JSONValue)
  case strategicMerge(JSONValue)
  /// Server-side apply: what the caller wants to own.
  case apply(JSONValue, force: Bool)

  func apply(
    to current: JSONValue, info: ResourceInfo, catalogue: Catalogue, context: RequestContext
  ) throws(APIStatus) -> JSONValue {
    var object = current
    if info.custom != nil, case .strategicMerge = self {
      // Nothing is known of how lists of a custom resource would be merged.
      throw APIStatus(
        code: 415, reason: "UnsupportedMediaType",
        message: "the body of the request was in an unknown format - accepted media types "
          + "include: application/json-patch+json, application/merge-patch+json, "
          + "application/apply-patch+yaml")
    }
    do throws(PatchError) {
      switch self {
      case .json(let patch): object = try JSONPatch.apply(patch, to: object)
      case .merge(let patch): object = MergePatch.apply(patch, to: object)
      case .strategicMerge(let patch):
        object = try StrategicMergePatch.apply(
          patch, to: object, typeName: info.typeName, catalogue: catalogue)
      case .apply: preconditionFailure("configurations are applied by Registry.apply")
      }
    } catch {
      throw APIStatus(error, kind: info.kind, group: info.group, name: object.name)
    }
    guard object.objectValue != nil else {
      throw .badRequest("the patch does not leave an object")
    }
    let patched = object
    do throws(APIStatus) {
      try FieldChecks.apply(
        to: &object, info: info, stored: current, problems: context.patchProblems, context: context)
    } catch {
      guard error.code == 400 else { throw error }
      // What a patch leaves is no longer what somebody sent: the patch is invalid, not the body.
      if case .strategicMerge = self { throw .invalidPatch(leaving: patched, error.message) }
      throw .invalidPatch(leavingMap: patched, error.message)
    }
    return object
  }
}
