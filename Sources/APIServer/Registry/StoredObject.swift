import JSONDocument
import Keyspace
import KubernetesAPI

/// An object as the store holds it: exactly the JSON that is served.
public struct StoredObject: Sendable {
  public var key: Key
  public var bytes: [UInt8]
  public var revision: Revision

  init(key: Key, bytes: [UInt8], revision: Revision) {
    self.key = key
    self.bytes = bytes
    self.revision = revision
  }

  init(_ entry: Entry) {
    self.init(key: entry.key, bytes: entry.value, revision: entry.modRevision)
  }

  /// The object as a tree.
  public func value() throws(APIStatus) -> JSONValue { try ObjectCodec.parse(bytes, key: key) }
}

/// Turns objects into the bytes that are stored, and back.
enum ObjectCodec {
  /// An object's bytes with an empty `resourceVersion`, and where in them it goes.
  struct Encoded {
    var bytes: [UInt8]
    var revisionOffset: Int

    /// The bytes as the store keeps them once the transaction got its revision.
    func bytes(at revision: Revision) -> [UInt8] {
      let digits = Array(String(revision).utf8)
      var result = bytes
      result.insert(contentsOf: digits, at: revisionOffset)
      return result
    }
  }

  /// Every stored object begins with its kind and apiVersion, so that lists can drop them and
  /// another version of the same group can be served by replacing them.
  static func typePrefix(kind: String, apiVersion: String) -> [UInt8] {
    var output = Array("{\"kind\":".utf8)
    JSONValue.serialize(kind, into: &output)
    output.append(contentsOf: ",\"apiVersion\":".utf8)
    JSONValue.serialize(apiVersion, into: &output)
    return output
  }

  /// What items of a list go without. Those of custom resources keep kind and apiVersion.
  static func listedPrefix(_ resource: ResourceInfo) -> [UInt8] {
    resource.custom == nil
      ? typePrefix(kind: resource.kind, apiVersion: resource.apiVersion) : []
  }

  static func encode(_ object: JSONValue) -> Encoded {
    let kind = object["kind"]?.stringValue ?? ""
    let apiVersion = object["apiVersion"]?.stringValue ?? ""
    var output = typePrefix(kind: kind, apiVersion: apiVersion)
    output.reserveCapacity(2048)
    output.append(contentsOf: ",\"metadata\":{".utf8)
    let metadata = object["metadata"]?.objectValue ?? JSONObject()
    var isFirst = true
    func member(_ name: String, _ value: JSONValue) {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      JSONValue.serialize(name, into: &output)
      output.append(UInt8(ascii: ":"))
      switch (name, value) {
      case ("spec", _): texts.serialize(value, into: &output)
      case ("managedFields", .array(let entries)): appendManagedFields(entries, to: &output)
      default: value.serialize(into: &output)
      }
    }
    let leading = ["name", "generateName", "namespace", "uid"]
    for name in leading {
      if let value = metadata[name] { member(name, value) }
    }
    if !isFirst { output.append(UInt8(ascii: ",")) }
    isFirst = false
    output.append(contentsOf: "\"resourceVersion\":\"".utf8)
    let offset = output.count
    output.append(UInt8(ascii: "\""))
    for (name, value) in metadata where name != "resourceVersion" && !leading.contains(name) {
      member(name, value)
    }
    output.append(UInt8(ascii: "}"))
    if let members = object.objectValue {
      for (name, value) in members
      where name != "kind" && name != "apiVersion" && name != "metadata" {
        member(name, value)
      }
    }
    output.append(UInt8(ascii: "}"))
    return Encoded(bytes: output, revisionOffset: offset)
  }

  /// Who set which fields: what one manager set at the creation of many objects is one tree, and so is
  /// what is set of a specification.
  private static func appendManagedFields(_ entries: [JSONValue], to output: inout [UInt8]) {
    output.append(UInt8(ascii: "["))
    for (position, entry) in entries.enumerated() {
      if position > 0 { output.append(UInt8(ascii: ",")) }
      appendMembers(of: entry, to: &output) { name, value, output in
        guard name == "fieldsV1" else { return value.serialize(into: &output) }
        guard value["f:spec"] != nil else { return texts.serialize(value, into: &output) }
        appendMembers(of: value, to: &output) { name, value, output in
          if name == "f:spec" {
            texts.serialize(value, into: &output)
          } else {
            value.serialize(into: &output)
          }
        }
      }
    }
    output.append(UInt8(ascii: "]"))
  }

  private static func appendMembers(
    of value: JSONValue, to output: inout [UInt8],
    _ append: (_ name: String, _ value: JSONValue, _ output: inout [UInt8]) -> Void
  ) {
    guard case .object(let members) = value else { return value.serialize(into: &output) }
    output.append(UInt8(ascii: "{"))
    var isFirst = true
    for (name, value) in members {
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      JSONValue.serialize(name, into: &output)
      output.append(UInt8(ascii: ":"))
      append(name, value, &output)
    }
    output.append(UInt8(ascii: "}"))
  }

  /// The texts of parts that are written again as they were.
  private static let texts = SerializedTrees()

  /// Parts that many objects have alike: what is asked of pods of one template, and which of their fields
  /// one manager set.
  static let subtrees = SubtreeCache(
    [SubtreeCache.Place("spec", depth: 1), SubtreeCache.Place("fieldsV1", depth: 4)],
    seed: UInt64.random(in: 0...UInt64.max))

  static func parse(_ bytes: [UInt8], key: Key) throws(APIStatus) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: bytes, sharing: subtrees)
    } catch {
      throw APIStatus(
        code: 500, reason: "InternalError",
        message: "Internal error occurred: the stored object \(key) can't be read: \(error)")
    }
  }

  /// The bytes of a stored object without kind and apiVersion, as lists hold them.
  static func appendListItem(_ bytes: [UInt8], prefix: [UInt8], to output: inout [UInt8]) {
    // The prefix ends before the comma that follows it.
    if bytes.count > prefix.count + 1, bytes.starts(with: prefix) {
      output.append(UInt8(ascii: "{"))
      output.append(contentsOf: bytes[(prefix.count + 1)...])
    } else {
      output.append(contentsOf: bytes)
    }
  }
}

extension JSONValue {
  var metadata: JSONValue { self["metadata"] ?? .object([:]) }
  var name: String { self["metadata"]?["name"]?.stringValue ?? "" }
  var namespace: String { self["metadata"]?["namespace"]?.stringValue ?? "" }
  var uid: String { self["metadata"]?["uid"]?.stringValue ?? "" }
  var resourceVersion: String { self["metadata"]?["resourceVersion"]?.stringValue ?? "" }
  var finalizers: [String] {
    self["metadata"]?["finalizers"]?.arrayValue?.compactMap(\.stringValue) ?? []
  }
  var isBeingDeleted: Bool { self["metadata"]?["deletionTimestamp"]?.stringValue != nil }
  var labels: [String: String] { stringMap("labels") }
  var annotations: [String: String] { stringMap("annotations") }

  private func stringMap(_ name: String) -> [String: String] {
    var result: [String: String] = [:]
    for (key, value) in self["metadata"]?[name]?.objectValue ?? JSONObject() {
      if let text = value.stringValue { result[key] = text }
    }
    return result
  }

  func strings(_ name: String) -> [String] {
    self[name]?.arrayValue?.compactMap(\.stringValue) ?? []
  }
}
