import JSONDocument
import Keyspace
import KubernetesAPI
import NIOCore

extension RequestDispatcher {
  func answerWatch(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let query = call.request.query
    let request = WatchRequest(
      selection: try selection(call),
      sendInitialEvents: query["sendInitialEvents"].map { $0 != "false" && $0 != "0" },
      allowBookmarks: query.isTrue("allowWatchBookmarks"))
    if request.sendInitialEvents == true, !request.allowBookmarks {
      throw APIStatus(
        code: 422, reason: "Invalid",
        message: "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: "
          + "sendInitialEvents requires allowWatchBookmarks", kind: "ListOptions",
        group: "meta.k8s.io",
        causes: [
          APIStatus.Cause(
            reason: "FieldValueForbidden",
            message: "Forbidden: sendInitialEvents requires allowWatchBookmarks",
            field: "sendInitialEvents")
        ])
    }
    var timeout = query["timeoutSeconds"].flatMap(Int64.init) ?? 0
    // Without one upstream picks one at random, so that not all watches end at one time.
    if timeout <= 0 { timeout = Int64.random(in: 1800...3600) }
    let seconds = min(timeout, 24 * 3600)
    let dispatcher = self
    return APIResponse(contentType: call.representation.streamContentType) { stream in
      await dispatcher.run(call, request, timeoutSeconds: seconds, on: stream)
    }
  }

  private func run(
    _ call: ResourceCall, _ request: WatchRequest, timeoutSeconds: Int64,
    on stream: ResponseStream
  ) async {
    // The connection's own loop, so that what happens goes out without another hop.
    let loop = stream.eventLoop
    let session = WatchSession(dispatcher: self, call: call, stream: stream)
    metrics.watchStarted()
    defer { metrics.watchEnded() }
    let ending = loop.scheduleTask(in: .seconds(timeoutSeconds)) { stream.finish() }
    defer { ending.cancel() }
    do throws(APIStatus) {
      let start = try await registry.watchStart(
        call.resource, namespace: call.namespace,
        name: call.info.name.isEmpty ? nil : call.info.name, request: request)
      guard try await sendState(start, to: session, on: stream) else { return }
      if request.sendInitialEvents == true { session.receive(.initialEventsEnd(start.after)) }
      let watch = try registry.watch(
        from: start, loop: loop, takesEvents: true, isPaced: true,
        receive: { session.receive($0) })
      var bookmarks: RepeatedTask?
      if request.allowBookmarks {
        bookmarks = loop.scheduleRepeatedTask(
          initialDelay: .seconds(55), delay: .seconds(55)
        ) { _ in session.bookmark() }
      }
      var forget: (@Sendable () -> Void)?
      if call.resource.custom != nil {
        // Whoever watches what is no longer served is told so by the end.
        forget = registry.customResources.whenGone(call.resource.gvr) {
          loop.execute { stream.finish() }
        }
      }
      await stream.waitUntilClosed()
      forget?()
      watch.cancel()
      bookmarks?.cancel()
    } catch {
      session.receive(.failure(error))
    }
  }

  /// Sends the initial state piece by piece, each when the client has taken most of those before.
  ///
  /// - Returns: false where the stream has ended meanwhile.
  private func sendState(
    _ start: WatchStart, to session: WatchSession, on stream: ResponseStream
  ) async throws(APIStatus) -> Bool {
    var position: Key? = start.reader == nil ? nil : start.prefix
    while let key = position {
      let (objects, next) = try start.objects(from: key, limit: ListPieces.objects)
      session.receive(
        .changes(
          objects.map { WatchChange(kind: .added, source: .object($0)) },
          upTo: next == nil ? start.after : 0))
      position = next
      await stream.waitUntilTaken()
      if stream.isClosed { return false }
    }
    return true
  }
}

/// Writes one watch to its stream.
final class WatchSession: Sendable {
  private let dispatcher: RequestDispatcher
  private let call: RequestDispatcher.ResourceCall
  private let stream: ResponseStream
  private let representation: String
  private let registryPrefix: Key
  private let lastRevision = LockedValue<Revision>(0)
  /// Whether the columns of a table are still to be told: the first event does, once for all.
  private let owesColumns: LockedValue<Bool>

  init(
    dispatcher: RequestDispatcher, call: RequestDispatcher.ResourceCall, stream: ResponseStream
  ) {
    self.dispatcher = dispatcher
    self.call = call
    self.stream = stream
    var name = "/\(call.representation)/\(call.resource.apiVersion)"
    if call.representation.transform == .table {
      name += "/" + (call.request.query["includeObject"] ?? "")
    }
    representation = name
    owesColumns = LockedValue(call.representation.transform == .table)
    registryPrefix = dispatcher.registry.prefix(call.resource, namespace: call.namespace)
  }

  func receive(_ delivery: WatchDelivery) {
    switch delivery {
    case .changes(let changes, let upTo):
      // One write for all: each costs a frame, a record and a system call.
      var output = ByteBuffer()
      for change in changes {
        guard var frame = frame(change) else { continue }
        if changes.count == 1 { output = frame } else { output.writeBuffer(&frame) }
      }
      if output.readableBytes > 0, !stream.write(output) { return }
      lastRevision.set(max(lastRevision.get(), upTo))
    case .events(let events, let upTo):
      func encoded(_ event: Event) -> ByteBuffer? {
        guard let kind = Registry.kind(of: event) else { return nil }
        let shared = dispatcher.registry.events.shared(event)
        return frame(WatchChange(kind: kind, source: .shared(shared)))
      }
      var output = ByteBuffer()
      if owesColumns.get() {
        for event in events {
          guard var frame = encoded(event) else { continue }
          output.writeBuffer(&frame)
        }
      } else {
        output = dispatcher.registry.batches.buffer(
          of: events, prefix: registryPrefix, representation: representation, frame: encoded)
      }
      if output.readableBytes > 0, !stream.write(output) { return }
      lastRevision.set(max(lastRevision.get(), upTo))
    case .initialEventsEnd(let revision):
      writeBookmark(revision, annotations: ["k8s.io/initial-events-end": "true"])
    case .failure(let status):
      if let bytes = encoded(status.object) { stream.write(frame(.error, bytes: bytes)) }
      stream.finish()
    }
  }

  func bookmark() {
    let revision = lastRevision.get()
    if revision > 0 { writeBookmark(revision, annotations: nil) }
  }

  private func writeBookmark(_ revision: Revision, annotations: JSONValue?) {
    let resource = call.resource
    var metadata: JSONValue = ["resourceVersion": .string(String(revision))]
    if let annotations { metadata["annotations"] = annotations }
    var object: JSONValue = [
      "kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion),
      "metadata": metadata,
    ]
    switch call.representation.transform {
    case .none: break
    case .partial: object = RequestDispatcher.partial(object, call)
    case .table:
      object = dispatcher.table(
        [], call, revision: String(revision), continueToken: "", remainingCount: nil,
        hasColumns: owesColumns.get())
      owesColumns.set(false)
      object.set(metadata, at: "metadata")
    }
    if let bytes = encoded(object) { stream.write(frame(.bookmark, bytes: bytes)) }
  }

  private func frame(_ change: WatchChange) -> ByteBuffer? {
    if owesColumns.get() {
      guard let frame = encode(change, hasColumns: true) else { return nil }
      owesColumns.set(false)
      return frame
    }
    switch change.source {
    case .object: return encode(change)
    case .shared(let event):
      return event.frame(change.kind, representation: representation) { encode(change) }
    }
  }

  private func encode(_ change: WatchChange, hasColumns: Bool = false) -> ByteBuffer? {
    let resource = call.resource
    let isStored =
      resource.gvr == resource.storageGVR
      && resource.custom.map { change.revision > $0.schemaRevision } ?? true
    if call.representation.transform == .none, call.representation.format == .json, isStored {
      switch change.source {
      case .object(let object): return frame(change.kind, bytes: object.bytes)
      case .shared(let event) where change.kind != .deleted:
        return frame(change.kind, bytes: event.event.value)
      case .shared: break
      }
    }
    guard var value = change.value else { return nil }
    Conversion.serve(&value, resource, revision: change.revision)
    switch call.representation.transform {
    case .none: break
    case .partial: value = RequestDispatcher.partial(value, call)
    case .table:
      value = dispatcher.table(
        [value], call, revision: value.resourceVersion, continueToken: "", remainingCount: nil,
        hasColumns: hasColumns)
    }
    guard let bytes = encoded(value) else {
      // An event that can't be told must not be skipped in silence.
      receive(.failure(.internalError("an object can't be written in the form asked for")))
      return nil
    }
    return frame(change.kind, bytes: bytes)
  }

  private func encoded(_ value: JSONValue) -> [UInt8]? {
    guard call.representation.format == .protobuf else { return value.serialized() }
    return try? RequestDispatcher.protobuf(value)
  }

  private func frame(_ kind: WatchEventKind, bytes: [UInt8]) -> ByteBuffer {
    if call.representation.format == .protobuf {
      return ByteBuffer(
        bytes: ProtobufEncoder.watchFrame(type: kind.rawValue, object: bytes))
    }
    var buffer = ByteBuffer()
    buffer.reserveCapacity(bytes.count + 40)
    buffer.writeString("{\"type\":\"\(kind.rawValue)\",\"object\":")
    buffer.writeBytes(bytes)
    buffer.writeString("}\n")
    return buffer
  }
}
