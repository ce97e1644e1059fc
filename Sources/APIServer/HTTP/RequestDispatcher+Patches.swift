import JSONDocument
import KubernetesAPI
import NIOHTTP1

// Patches as they come: their four forms, and what their texts say twice.
extension RequestDispatcher {
  /// The patch in the body; what is wrong with its text is noted in the call's context.
  func patch(_ call: inout ResourceCall) throws(APIStatus) -> ObjectPatch {
    let request = call.request
    switch MediaType(request.headers.first(name: "content-type") ?? "").type {
    case "application/json-patch+json":
      let patch = try patchDocument(&call)
      call.context.patchProblems = TextProblems(
        jsonPatch: call.context.patchProblems, unknown: Self.unknownOperationFields(patch))
      return .json(patch)
    case "application/merge-patch+json":
      let patch = try patchDocument(&call)
      guard patch.objectValue != nil else { throw Self.noMergePatch(patch) }
      return .merge(patch)
    case "application/strategic-merge-patch+json":
      return .strategicMerge(try patchDocument(&call, prefix: ""))
    case "application/apply-patch+yaml":
      return .apply(try configuration(&call), force: request.query.isTrue("force"))
    default:
      // As upstream, where no handler of patches takes such a body.
      throw APIStatus(
        code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type")
    }
  }

  private static func noMergePatch(_ patch: JSONValue) -> APIStatus {
    guard !patch.isNull else { return .badRequest("Invalid JSON Patch") }
    return .badRequest(
      "error decoding patch: json: cannot unmarshal \(patch.typeName) into Go value of "
        + "type map[string]interface {}")
  }

  private func patchDocument(
    _ call: inout ResourceCall, prefix: String = "error decoding patch: "
  ) throws(APIStatus) -> JSONValue {
    do throws(JSONError) {
      let parsed = try JSONValue.parse(
        call.request.body.readableBytesView, findDuplicates: true)
      call.context.patchProblems = TextProblems(duplicates: parsed.duplicates)
      return parsed.value
    } catch {
      throw .badRequest(prefix + error.message)
    }
  }

  /// Members of a JSON patch's operations that no operation has.
  static func unknownOperationFields(_ patch: JSONValue) -> [String] {
    var unknown: [String] = []
    for (index, operation) in (patch.arrayValue ?? []).enumerated() {
      for (key, _) in operation.objectValue ?? [:]
      where !["op", "path", "from", "value"].contains(key) {
        unknown.append("[\(index)].\(key)")
      }
    }
    return unknown
  }

  /// What is to be applied, in YAML or JSON.
  private func configuration(_ call: inout ResourceCall) throws(APIStatus) -> JSONValue {
    let request = call.request
    guard !(request.query["fieldManager"] ?? "").isEmpty else {
      throw Self.invalidOptions(
        "PatchOptions", field: "fieldManager", reason: "FieldValueRequired",
        "Required value: is required for apply patch")
    }
    let value: JSONValue
    // JSON is YAML as well; only where it says something twice is it read as such.
    if let json = try? JSONValue.parse(request.body.readableBytesView, findDuplicates: true),
      json.duplicates.isEmpty
    {
      value = json.value
    } else {
      let document: YAMLReader.Document
      do throws(YAMLReader.Failure) {
        document = try YAMLReader.read(request.body.readableBytesView)
      } catch {
        throw .badRequest("error decoding YAML: error converting YAML to JSON: \(error)")
      }
      try noteRepeated(document.repeated, call.context)
      value = document.value
    }
    guard value.objectValue != nil else {
      throw .badRequest("error decoding YAML: a configuration is an object")
    }
    return value
  }

  private func noteRepeated(_ keys: [String], _ context: RequestContext) throws(APIStatus) {
    let problems = TextProblems(repeatedYAMLKeys: keys)
    switch context.fieldValidation {
    case .ignore: break
    case .warn:
      for warning in problems.warnings { context.warnings.add(warning) }
    case .strict:
      guard let problem = problems.errors.first else { return }
      throw .badRequest("error strict decoding YAML: error converting YAML to JSON: \(problem)")
    }
  }
}
