import JSONDocument
import Keyspace
import KubernetesAPI
import NIOCore

// Lists in JSON, made of stored bytes while the client takes them.
extension RequestDispatcher {
  /// Objects that are read, and bytes that are gathered, for one piece of a list.
  static let pieceObjects = 32
  static let pieceBytes = 64 * 1024

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
    return pieces(call, listHead(result, call)) {
      guard let start = next.get() else { return nil }
      let entries = reader.range(from: start, to: end, limit: Self.pieceObjects)
      let isLast = entries.count < Self.pieceObjects
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
    return pieces(call, listHead(result, call)) {
      let start = position.get()
      guard start < objects.count else { return nil }
      let end = min(start + Self.pieceObjects, objects.count)
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

  /// - Parameter objects: the next ones, never none; `nil` after the last.
  private func pieces(
    _ call: ResourceCall, _ head: [UInt8],
    objects: @escaping @Sendable () -> [[UInt8]]?
  ) -> APIResponse {
    let prefix = ObjectCodec.listedPrefix(call.resource)
    let state = LockedValue<(isFirst: Bool, isEnded: Bool)>((true, false))
    var response = APIResponse(bytes: [])
    response.body = .pieces(
      ResponsePieces {
        var (isFirst, isEnded) = state.get()
        guard !isEnded else { return nil }
        var output = ByteBuffer()
        output.reserveCapacity(Self.pieceBytes * 2)
        if isFirst { output.writeBytes(head) }
        while output.readableBytes < Self.pieceBytes {
          guard let next = objects() else {
            output.writeStaticString("]}")
            isEnded = true
            break
          }
          for bytes in next {
            if !isFirst { output.writeInteger(UInt8(ascii: ",")) }
            isFirst = false
            ObjectCodec.writeListItem(bytes, prefix: prefix, to: &output)
          }
        }
        // Nothing was written yet where the list is empty.
        state.set((isFirst && !isEnded, isEnded))
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
