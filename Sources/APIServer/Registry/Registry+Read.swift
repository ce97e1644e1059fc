import JSONDocument
import Keyspace
import KubernetesAPI

/// What a list or a watch asks for.
public struct ListSelection: Sendable {
  public var labels: LabelSelector?
  public var fields: FieldSelector?
  /// At most so many objects; 0 for all.
  public var limit: Int
  /// The token of the page before; empty for the first page.
  public var continueToken: String
  public var resourceVersion: String
  public var resourceVersionMatch: String

  public init(
    labels: LabelSelector? = nil, fields: FieldSelector? = nil, limit: Int = 0,
    continueToken: String = "", resourceVersion: String = "", resourceVersionMatch: String = ""
  ) {
    self.labels = labels
    self.fields = fields
    self.limit = limit
    self.continueToken = continueToken
    self.resourceVersion = resourceVersion
    self.resourceVersionMatch = resourceVersionMatch
  }

  var hasSelectors: Bool { labels != nil || fields != nil }

  func matches(_ object: JSONValue, _ info: ResourceInfo) -> Bool {
    if let labels, !labels.matches(object["metadata"]?["labels"]?.objectValue) { return false }
    if let fields, !fields.matches(object, resource: info) { return false }
    return true
  }
}

extension ListSelection {
  func serialized(_ info: ResourceInfo) -> SerializedSelector {
    SerializedSelector(labels: labels, fields: fields, resource: info)
  }

  func matches(_ entry: Entry, _ selector: SerializedSelector, _ info: ResourceInfo)
    throws(APIStatus) -> Bool
  {
    if let isMatch = selector.matches(entry.value) { return isMatch }
    return matches(try ObjectCodec.parse(entry.value, key: entry.key), info)
  }
}

/// One page of a list, all of it as of one revision.
public struct ListResult: Sendable {
  public var objects: [StoredObject]
  public var revision: Revision
  /// Empty on the last page.
  public var continueToken: String
  /// How many objects follow this page; `nil` where that is not known without looking.
  public var remainingCount: Int?
}

extension Registry {
  /// Reads one object.
  ///
  /// - Parameter resourceVersion: empty for the present, `0` for whatever this replica has, a
  ///   number for a state not older than that.
  public func get(
    _ info: ResourceInfo, namespace: String?, name: String, resourceVersion: String = ""
  ) async throws(APIStatus) -> StoredObject {
    let reader: any KeyspaceReader
    do throws(APIStatus) {
      reader = try await self.reader(resourceVersion: resourceVersion)
    } catch {
      guard error.code == 400 else { throw error }
      // Upstream finds out too late to call it the caller's mistake.
      throw APIStatus(
        code: 500, reason: "", message: APIStatus.resourceVersionProblem(resourceVersion))
    }
    guard let entry = reader.get(key(info, namespace: namespace, name: name)) else {
      throw .notFound(info.gvr, name: name)
    }
    return try served(StoredObject(entry), info)
  }

  /// Lists objects in the order of their namespaces and names.
  public func list(_ info: ResourceInfo, namespace: String?, selection: ListSelection)
    async throws(APIStatus) -> ListResult
  {
    let prefix = prefix(info, namespace: namespace)
    var start = prefix
    let reader: any KeyspaceReader
    if !selection.continueToken.isEmpty {
      let token = try ContinueToken(parsing: selection.continueToken)
      start = Key(bytes: prefix.bytes + token.after.bytes + [0])
      reader = try await snapshot(at: token.revision)
    } else if selection.resourceVersionMatch == "Exact",
      let revision = Revision(selection.resourceVersion)
    {
      reader = try await snapshot(at: revision)
    } else {
      reader = try await self.reader(resourceVersion: selection.resourceVersion)
    }
    let end = prefix.prefixEnd
    let limit = selection.limit
    var objects: [StoredObject] = []
    var last: Key?
    var isCut = false
    if let name = selection.fields?.exactName, let namespace, info.namespaced, limit == 0 {
      // One object by name: no need to look at all others.
      if let entry = reader.get(key(info, namespace: namespace, name: name)) {
        let object = try ObjectCodec.parse(entry.value, key: entry.key)
        if selection.matches(object, info) { objects.append(try served(.init(entry), info)) }
      }
    } else if selection.hasSelectors {
      let selector = selection.serialized(info)
      var failure: APIStatus?
      reader.forEach(from: start, to: end) { entry in
        do throws(APIStatus) {
          guard try selection.matches(entry, selector, info) else { return true }
          if limit > 0, objects.count == limit {
            isCut = true
            return false
          }
          objects.append(try served(StoredObject(entry), info))
          last = entry.key
          return true
        } catch {
          failure = error
          return false
        }
      }
      if let failure { throw failure }
    } else {
      var entries = reader.range(from: start, to: end, limit: limit > 0 ? limit + 1 : 0)
      if limit > 0, entries.count > limit {
        isCut = true
        entries.removeLast()
      }
      objects.reserveCapacity(entries.count)
      for entry in entries { objects.append(try served(StoredObject(entry), info)) }
      last = entries.last?.key
    }
    var result = ListResult(
      objects: objects, revision: reader.revision, continueToken: "", remainingCount: nil)
    if isCut, let last {
      snapshots.keep(reader)
      result.continueToken =
        ContinueToken(
          revision: reader.revision, after: Key(bytes: Array(last.bytes[prefix.bytes.count...]))
        ).text
      if !selection.hasSelectors {
        result.remainingCount = reader.count(from: Key(bytes: last.bytes + [0]), to: end)
      }
    }
    return result
  }

  /// A view of the store that a resource version asks for.
  func reader(resourceVersion: String) async throws(APIStatus) -> any KeyspaceReader {
    switch resourceVersion {
    case "0": return store.current()
    case "":
      try await barrier()
      return store.current()
    default:
      guard let revision = Revision(resourceVersion) else {
        throw .invalidResourceVersion(resourceVersion)
      }
      let reader = store.current()
      if reader.revision >= revision { return reader }
      try await barrier()
      let later = store.current()
      guard later.revision >= revision else {
        throw .tooLarge(revision, current: later.revision)
      }
      return later
    }
  }

  /// The keyspace at one revision: kept for pages, or from the history.
  func snapshot(at revision: Revision) async throws(APIStatus) -> any KeyspaceReader {
    if let reader = snapshots.reader(at: revision) { return reader }
    let current = store.current()
    if current.revision == revision { return current }
    if current.revision < revision {
      try await barrier()
      let later = store.current()
      if later.revision == revision { return later }
      if later.revision < revision {
        throw .tooLarge(revision, current: later.revision)
      }
    }
    do throws(StoreError) {
      return try await store.history(at: revision)
    } catch {
      if case .compacted(let oldest) = error {
        throw .expired(
          "The provided continue parameter is too old to display a consistent list result. "
            + "You can start a new list without the continue parameter. "
            + "(revision \(revision), the oldest is \(oldest))")
      }
      throw APIStatus(error)
    }
  }
}

extension APIStatus {
  static func invalidResourceVersion(_ text: String) -> APIStatus {
    .badRequest("invalid resource version: \(resourceVersionProblem(text))")
  }

  static func resourceVersionProblem(_ text: String) -> String {
    let quoted = GoFormat.quoted(text)
    let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    return "resourceVersion: Invalid value: \(quoted): strconv.ParseUint: parsing \(quoted): "
      + (isNumber ? "value out of range" : "invalid syntax")
  }
}
