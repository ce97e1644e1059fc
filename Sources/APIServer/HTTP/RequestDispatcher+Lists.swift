import JSONDocument
import Keyspace
import KubernetesAPI
import NIOCore

// Lists in JSON, made of stored bytes while the client takes them.
extension RequestDispatcher {
  /// A list of all objects in the form in which they are stored: read from one state of the store
  /// as the client takes it. `nil` for any other list.
  func wholeList(_ call: ResourceCall, _ selection: ListSelection) async throws(APIStatus)
    -> APIResponse?
  {
    let resource = call.resource
    guard call.representation.transform == .none, call.representation.format == .json,
      !selection.hasSelectors, selection.limit == 0, selection.continueToken.isEmpty,
      selection.resourceVersionMatch != "Exact", resource.gvr == resource.storageGVR
    else { return nil }
    let reader = try await registry.reader(resourceVersion: selection.resourceVersion)
    let prefix = registry.prefix(resource, namespace: call.namespace)
    let result = ListResult(
      objects: [], revision: reader.revision, continueToken: "", remainingCount: nil)
    let end = prefix.prefixEnd
    let next = LockedValue<Key?>(prefix)
    let registry = registry
    return pieces(call, listHead(result, call)) { limit in
      guard let start = next.get() else { return nil }
      let entries = reader.range(from: start, to: end, limit: limit)
      let isLast = entries.count < limit
      next.set(isLast ? nil : entries.last.map { Key(bytes: $0.key.bytes + [0]) })
      guard !entries.isEmpty else { return nil }
      return resource.custom == nil
        ? entries.map(\.value) : entries.map { registry.servedBytes($0, resource) }
    }
  }

  /// A list of objects that were selected.
  func selectedList(_ result: ListResult, _ call: ResourceCall) -> APIResponse {
    let objects = result.objects
    let position = LockedValue(0)
    return pieces(call, listHead(result, call)) { limit in
      let start = position.get()
      guard start < objects.count else { return nil }
      let end = min(start + limit, objects.count)
      position.set(end)
      return objects[start..<end].map(\.bytes)
    }
  }

  func listHead(_ result: ListResult, _ call: ResourceCall) -> [UInt8] {
    let resource = call.resource
    var output = ObjectCodec.typePrefix(
      kind: resource.listKind, apiVersion: resource.apiVersion)
    output.append(contentsOf: ",\"metadata\":".utf8)
    listMetadata(result, call.resource).serialize(into: &output)
    output.append(contentsOf: ",\"items\":[".utf8)
    return output
  }

  /// What an object is taken to have before one was seen.
  private static let usualObjectBytes = 4_096

  /// - Parameter objects: the next ones, at most so many, never none; `nil` after the last.
  private func pieces(
    _ call: ResourceCall, _ head: [UInt8],
    objects: @escaping @Sendable (_ limit: Int) -> [[UInt8]]?
  ) -> APIResponse {
    let prefix = ObjectCodec.listedPrefix(call.resource)
    let state = LockedValue<(isFirst: Bool, isEnded: Bool, objectBytes: Int)>(
      (true, false, Self.usualObjectBytes))
    let share = listPieces.begin()
    var response = APIResponse(bytes: [])
    response.body = .pieces(
      ResponsePieces {
        var (isFirst, isEnded, objectBytes) = state.get()
        guard !isEnded else { return nil }
        var output = ByteBuffer()
        output.reserveCapacity(share.bytes * 2)
        if isFirst { output.writeBytes(head) }
        while !share.isFull(output.readableBytes, objectBytes: objectBytes) {
          let before = output.readableBytes
          let limit = share.objects(writtenBytes: before, objectBytes: objectBytes)
          guard let next = objects(limit) else {
            output.writeStaticString("]}")
            isEnded = true
            break
          }
          for bytes in next {
            if !isFirst { output.writeInteger(UInt8(ascii: ",")) }
            isFirst = false
            ObjectCodec.writeListItem(bytes, prefix: prefix, to: &output)
          }
          objectBytes = (output.readableBytes - before) / next.count
        }
        // Nothing was written yet where the list is empty.
        state.set((isFirst && !isEnded, isEnded, objectBytes))
        return output
      })
    return response
  }
}

extension ObjectCodec {
  /// The bytes of a stored object without kind and apiVersion, as lists hold them.
  static func writeListItem(_ bytes: [UInt8], prefix: [UInt8], to output: inout ByteBuffer) {
    let skipped = prefix.count + 1
    let hasPrefix =
      bytes.count > skipped
      && bytes.withUnsafeBytes { bytes in
        prefix.withUnsafeBytes { bytes.prefix(prefix.count).elementsEqual($0) }
      }
    guard hasPrefix else {
      output.writeBytes(bytes)
      return
    }
    // The prefix ends before the comma that follows it.
    output.writeInteger(UInt8(ascii: "{"))
    bytes.withUnsafeBytes {
      _ = output.writeBytes(UnsafeRawBufferPointer(rebasing: $0[skipped...]))
    }
  }
}
