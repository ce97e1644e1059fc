import JSONDocument

/// Strategic merge patch: a merge patch that knows from the catalogue which lists are merged by a
/// key, and that takes directives.
///
/// - `$patch: delete` and `$patch: replace` in an object or list element
/// - `$retainKeys: [...]`: members of an object that stay
/// - `$setElementOrder/FIELD: [...]`: the order of a merged list
/// - `$deleteFromPrimitiveList/FIELD: [...]`: values to take out of a merged list
///
/// A type that the catalogue does not know is merged as by a JSON merge patch.
public enum StrategicMergePatch {
  /// - Throws: `PatchError`, worded as upstream words it.
  public static func apply(
    _ patch: JSONValue, to document: JSONValue, typeName: String,
    catalogue: Catalogue = .shared
  ) throws(PatchError) -> JSONValue {
    guard case .object(let changes) = patch else {
      throw .malformed(
        "json: cannot unmarshal \(patch.typeName) into Go value of type "
          + "map[string]interface {}")
    }
    guard case .object(let original) = document else {
      throw .malformed("only an object can be patched")
    }
    let engine = Engine(catalogue: catalogue)
    let result = try engine.mergeMap(original, changes, type: catalogue.type(typeName))
    return .object(result)
  }

  static let patchDirective = "$patch"
  static let retainKeysDirective = "$retainKeys"
  static let setElementOrderPrefix = "$setElementOrder/"
  static let deleteFromPrimitiveListPrefix = "$deleteFromPrimitiveList/"

  static func isDirective(_ key: String) -> Bool {
    key.utf8.first == UInt8(ascii: "$")
      && (key == patchDirective || key == retainKeysDirective
        || key.hasPrefix(setElementOrderPrefix) || key.hasPrefix(deleteFromPrimitiveListPrefix))
  }

  struct Engine {
    var catalogue: Catalogue

    func mergeMap(_ original: JSONObject, _ patch: JSONObject, type: TypeInfo?)
      throws(PatchError) -> JSONObject
    {
      var original = original
      var patch = patch
      if let directive = patch[patchDirective] {
        switch directive {
        case "replace":
          patch[patchDirective] = nil
          return patch
        case "delete": return [:]
        default:
          throw .directive(
            "unknown patch type: \(GoFormat.text(directive)) in map: \(GoFormat.text(patch))")
        }
      }
      try retainKeys(of: &original, patch: &patch)
      try mergeOrderedLists(into: &original, patch: &patch, type: type)
      for (key, change) in patch { try merge(change, key: key, into: &original, type: type) }
      return original
    }

    private func merge(
      _ change: JSONValue, key: String, into original: inout JSONObject, type: TypeInfo?
    ) throws(PatchError) {
      var name = key
      let deletes = key.hasPrefix(deleteFromPrimitiveListPrefix)
      if deletes { name = String(key.dropFirst(deleteFromPrimitiveListPrefix.count)) }
      if change.isNull {
        original[name] = nil
        return
      }
      guard let existing = original[name] else {
        if !deletes { original[name] = withoutDirectives(change) }
        return
      }
      let field = type?.field(name)
      switch (existing, change) {
      case (.object(let old), .object(let new)):
        if field?.replacesInPatch == true {
          original[name] = change
        } else {
          original[name] = .object(try mergeMap(old, new, type: elementType(of: field)))
        }
      case (.array(let old), .array(let new)):
        if field?.mergesInPatch == true {
          original[name] = .array(
            try mergeList(old, new, field: field, deletes: deletes).elements)
        } else if !deletes {
          original[name] = change
        }
      default:
        if !deletes { original[name] = withoutDirectives(change) }
      }
    }

    func elementType(of field: FieldInfo?) -> TypeInfo? {
      guard let id = field?.type.typeID else { return nil }
      let type = catalogue.type(id)
      return type.special == nil ? type : nil
    }

    private func retainKeys(of original: inout JSONObject, patch: inout JSONObject)
      throws(PatchError)
    {
      guard let directive = patch[retainKeysDirective] else { return }
      patch[retainKeysDirective] = nil
      let wrong = PatchError.malformed("invalid patch format of retainKeys")
      guard case .array(let list) = directive else { throw wrong }
      var retained: Set<String> = []
      for entry in list {
        guard let key = entry.stringValue else { throw wrong }
        retained.insert(key)
      }
      for (key, value) in patch where !value.isNull && !isDirective(key) {
        if !retained.contains(key) { throw wrong }
      }
      for key in original.keys where !retained.contains(key) { original[key] = nil }
    }

    /// A value that has nothing to merge with: without directives and without nulls in objects.
    func withoutDirectives(_ value: JSONValue) -> JSONValue {
      switch value {
      case .object(let object):
        var result: JSONObject = [:]
        for (key, member) in object where !isDirective(key) && !member.isNull {
          result[key] = withoutDirectives(member)
        }
        return .object(result)
      case .array(let array):
        return .array(
          array.filter { $0[patchDirective] == nil || $0[patchDirective] == "merge" }
            .map(withoutDirectives))
      default: return value
      }
    }
  }
}
