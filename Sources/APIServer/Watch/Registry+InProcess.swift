import JSONDocument
import KubernetesAPI
import NIOCore

/// A change, for a watcher in the same process.
public struct ObjectChange: Sendable {
  public var kind: WatchEventKind
  public var object: JSONValue
}

extension Registry {
  /// Watches until the task is cancelled; `receive` is called with each batch, in order.
  ///
  /// - Throws: why the watch ended, e.g. 410 where the caller has to list anew.
  public func watch(
    _ info: ResourceInfo, namespace: String?, request: WatchRequest,
    receive: @escaping @Sendable ([ObjectChange]) -> Void
  ) async throws {
    let (failures, continuation) = AsyncStream<APIStatus>.makeStream(
      bufferingPolicy: .bufferingNewest(1))
    let loop = loops.next()
    let watch = try await watch(
      info, namespace: namespace, name: nil, request: request, loop: loop
    ) { delivery in
      switch delivery {
      case .changes(let changes, _):
        let batch = changes.compactMap { change -> ObjectChange? in
          guard var object = change.value else { return nil }
          Conversion.serve(&object, info, revision: change.revision)
          return ObjectChange(kind: change.kind, object: object)
        }
        if !batch.isEmpty { receive(batch) }
      case .events, .initialEventsEnd: break
      case .failure(let status): continuation.yield(status)
      }
    }
    defer { watch.cancel() }
    for await failure in failures { throw failure }
  }

  /// Sets the replicas of an object to those of a `Scale`.
  ///
  /// - Returns: the `Scale` as it is now.
  public func scale(
    _ info: ResourceInfo, namespace: String?, name: String, scale: JSONValue,
    context: RequestContext
  ) async throws(APIStatus) -> JSONValue {
    let scaled = try await self.scale(
      info, namespace: namespace, name: name, context: context, verb: "update"
    ) { (_: JSONValue) throws(APIStatus) in scale }
    return try Scale.of(try scaled.value(), info)
  }
}
