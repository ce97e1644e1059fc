import JSONDocument
import Keyspace
import KubernetesAPI
import NIOHTTP1

extension RequestDispatcher {
  /// Answers one object in the form that was asked for.
  func respond(
    _ object: StoredObject, _ call: ResourceCall, status: HTTPResponseStatus = .ok
  ) throws(APIStatus) -> APIResponse {
    switch call.representation.transform {
    case .none:
      if call.representation.format == .json {
        return APIResponse(status: status, bytes: object.bytes)
      }
      return try encode(try object.value(), call.representation, status: status)
    case .table:
      let table = table(
        [try object.value()], call, revision: String(object.revision), continueToken: "",
        remainingCount: nil)
      return try encode(table, call.representation, status: status)
    case .partial:
      return try encode(
        Self.partial(try object.value(), call), call.representation, status: status)
    }
  }

  func respond(_ value: JSONValue, _ call: ResourceCall, status: HTTPResponseStatus = .ok)
    throws(APIStatus) -> APIResponse
  {
    try encode(value, call.representation, status: status)
  }

  /// - Throws: 406 where the kind has no protobuf form, 500 where what is stored can't be put
  ///   into it.
  func encode(
    _ value: JSONValue, _ representation: Representation, status: HTTPResponseStatus = .ok
  ) throws(APIStatus) -> APIResponse {
    let bytes: [UInt8]
    switch representation.format {
    case .json: bytes = value.serialized()
    case .yaml: bytes = RequestBody.yamlBytes(of: value)
    case .protobuf: bytes = try Self.protobuf(value)
    }
    return APIResponse(status: status, contentType: representation.contentType, bytes: bytes)
  }

  /// A failure in the form that the client reads best: protobuf where it prefers that, else JSON.
  func failure(_ status: APIStatus, _ request: APIRequest) -> APIResponse {
    var response = APIResponse(status)
    guard
      let representation = try? Representation(accept: request.headers.first(name: "accept")),
      representation.format == .protobuf, let bytes = try? Self.protobuf(status.object)
    else { return response }
    let headers = response.headers
    response = APIResponse(
      status: response.status, contentType: Representation.protobufType, bytes: bytes)
    for (name, value) in headers where !response.headers.contains(name: name) {
      response.headers.add(name: name, value: value)
    }
    return response
  }

  static func protobuf(_ value: JSONValue) throws(APIStatus) -> [UInt8] {
    let bytes: [UInt8]?
    do throws(ProtobufError) {
      bytes = try ProtobufEncoder().encode(value)
    } catch {
      throw .internalError("the object can't be written as protobuf: \(error)")
    }
    guard let bytes else { throw .notAcceptable }
    return bytes
  }

  /// Answers a deletion: the object where it is still there or the kind tells so, else a
  /// `Status`.
  func respond(_ result: DeletionResult, _ call: ResourceCall) throws(APIStatus) -> APIResponse {
    if !result.isGone || call.resource.returnsDeletedObject {
      return try respond(result.object, call)
    }
    let object = try result.object.value()
    var details: JSONValue = ["name": .string(object.name)]
    if !call.resource.group.isEmpty { details["group"] = .string(call.resource.group) }
    details["kind"] = .string(call.resource.resource)
    details["uid"] = .string(object.uid)
    let status: JSONValue = [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success",
      "details": details,
    ]
    var representation = call.representation
    representation.transform = .none
    return try encode(status, representation)
  }

  func respond(_ result: ListResult, _ call: ResourceCall) throws(APIStatus) -> APIResponse {
    switch call.representation.transform {
    case .table:
      var objects: [JSONValue] = []
      for object in result.objects { objects.append(try object.value()) }
      let table = table(
        objects, call, revision: String(result.revision), continueToken: result.continueToken,
        remainingCount: result.remainingCount)
      return try encode(table, call.representation)
    case .partial:
      var items: [JSONValue] = []
      for object in result.objects {
        items.append(Self.partial(try object.value(), call))
      }
      let list: JSONValue = [
        "kind": "PartialObjectMetadataList",
        "apiVersion": .string("meta.k8s.io/\(call.representation.metaVersion)"),
        "metadata": partialListMetadata(result), "items": .array(items),
      ]
      return try encode(list, call.representation)
    case .none:
      if call.representation.format == .json { return selectedList(result, call) }
      let bytes = listBytes(result, call)
      let value: JSONValue
      do throws(JSONError) {
        value = try JSONValue(parsing: bytes)
      } catch {
        throw .internalError("the list can't be read: \(error)")
      }
      return try encode(value, call.representation)
    }
  }

  /// Lists of custom objects say so where nothing follows.
  func listMetadata(_ result: ListResult, _ resource: ResourceInfo) -> JSONValue {
    var metadata: JSONValue = ["resourceVersion": .string(String(result.revision))]
    if resource.custom != nil { metadata["continue"] = "" }
    if !result.continueToken.isEmpty { metadata["continue"] = .string(result.continueToken) }
    if let remaining = result.remainingCount, !result.continueToken.isEmpty {
      metadata["remainingItemCount"] = JSONValue(remaining)
    }
    return metadata
  }

  private func partialListMetadata(_ result: ListResult) -> JSONValue {
    var metadata: JSONValue = ["resourceVersion": .string(String(result.revision))]
    if !result.continueToken.isEmpty { metadata["continue"] = .string(result.continueToken) }
    if let remaining = result.remainingCount, !result.continueToken.isEmpty {
      metadata["remainingItemCount"] = JSONValue(remaining)
    }
    return metadata
  }

  /// A list is its objects' stored bytes in a row.
  func listBytes(_ result: ListResult, _ call: ResourceCall) -> [UInt8] {
    let resource = call.resource
    let prefix = ObjectCodec.listedPrefix(resource)
    var output: [UInt8] = []
    output.reserveCapacity(result.objects.reduce(256) { $0 + $1.bytes.count + 1 })
    output.append(
      contentsOf: ObjectCodec.typePrefix(
        kind: resource.listKind, apiVersion: resource.apiVersion))
    output.append(contentsOf: ",\"metadata\":".utf8)
    listMetadata(result, resource).serialize(into: &output)
    output.append(contentsOf: ",\"items\":[".utf8)
    for (position, object) in result.objects.enumerated() {
      if position > 0 { output.append(UInt8(ascii: ",")) }
      ObjectCodec.appendListItem(object.bytes, prefix: prefix, to: &output)
    }
    output.append(contentsOf: "]}".utf8)
    return output
  }

  static func partial(_ object: JSONValue, _ call: ResourceCall) -> JSONValue {
    TablePrinter.partialMetadata(
      of: object, resource: call.resource, version: call.representation.metaVersion)
  }

  /// - Parameter hasColumns: whether the columns are described, or named once and for all before.
  func table(
    _ objects: [JSONValue], _ call: ResourceCall, revision: String, continueToken: String,
    remainingCount: Int?, hasColumns: Bool = true
  ) -> JSONValue {
    var table = TablePrinter.table(
      objects: objects, resource: call.resource, includeObject: call.includeObject,
      resourceVersion: revision, continue: continueToken,
      remainingItemCount: continueToken.isEmpty ? nil : remainingCount.map(Int64.init),
      now: Timestamp(milliseconds: Int64(WallClock.milliseconds())),
      version: call.representation.metaVersion)
    if !hasColumns { table["columnDefinitions"] = .null }
    return table
  }
}
