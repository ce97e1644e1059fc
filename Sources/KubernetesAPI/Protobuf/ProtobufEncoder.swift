import JSONDocument

/// Turns objects into the protobuf form that clients may ask for, by the catalogue's fields.
///
/// Fields are written in the order of the object's members, embedded messages last: readers of
/// protobuf take them in any order. What JSON leaves out is left out here too.
public struct ProtobufEncoder: Sendable {
  let catalogue: Catalogue

  public init(catalogue: Catalogue = .shared) { self.catalogue = catalogue }

  /// The mark, the envelope (`runtime.Unknown`) and the object in it.
  ///
  /// - Returns: nil for kinds that have no protobuf form (custom resources, tables).
  /// - Throws: where a value is not what its field takes.
  public func encode(_ object: JSONValue) throws(ProtobufError) -> [UInt8]? {
    let apiVersion = object["apiVersion"]?.stringValue ?? ""
    let kind = object["kind"]?.stringValue ?? ""
    let body: ProtobufWriter
    switch (apiVersion, kind) {
    case ("meta.k8s.io/v1", "PartialObjectMetadata"),
      ("meta.k8s.io/v1beta1", "PartialObjectMetadata"):
      body = try partial(object)
    case ("meta.k8s.io/v1", "PartialObjectMetadataList"),
      ("meta.k8s.io/v1beta1", "PartialObjectMetadataList"):
      var writer = try metadata(object, "ListMeta")
      for item in object["items"]?.arrayValue ?? [] {
        writer.message(try partial(item), field: 2)
      }
      body = writer
    case ("v1", "APIGroupList"), ("v1", "APIGroup"), ("", "APIVersions"):
      body = Self.discovery(object, kind: kind)
    default:
      let parts = apiVersion.split(separator: "/", maxSplits: 1).map(String.init)
      guard
        let type = catalogue.type(
          group: parts.count == 2 ? parts[0] : "",
          // The list of the core group's resources does not say of which version it is.
          version: parts.last ?? (kind == "APIResourceList" ? "v1" : ""), kind: kind)
      else { return nil }
      body = try message(object, type, depth: 0)
    }
    return Self.envelope(apiVersion: apiVersion, kind: kind, body)
  }

  private static func envelope(apiVersion: String, kind: String, _ body: ProtobufWriter)
    -> [UInt8]
  {
    var typeMeta = ProtobufWriter()
    typeMeta.string(apiVersion, field: 1)
    typeMeta.string(kind, field: 2)
    var unknown = ProtobufWriter()
    unknown.message(typeMeta, field: 1)
    unknown.message(body, field: 2)
    unknown.string("", field: 3)
    unknown.string("", field: 4)
    return ProtobufFacts.magic + unknown.bytes
  }

  /// One event of a watch: its length as four bytes, most significant first, and a `WatchEvent` with
  /// the encoded object.
  public static func watchFrame(type: String, object: [UInt8]) -> [UInt8] {
    var raw = ProtobufWriter()
    raw.data(object, field: 1)
    var event = ProtobufWriter()
    event.string(type, field: 1)
    event.message(raw, field: 2)
    let count = UInt32(truncatingIfNeeded: event.bytes.count)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + event.bytes
  }

  private func partial(_ object: JSONValue) throws(ProtobufError) -> ProtobufWriter {
    try metadata(object, "ObjectMeta")
  }

  private func metadata(_ object: JSONValue, _ name: String) throws(ProtobufError)
    -> ProtobufWriter
  {
    var writer = ProtobufWriter()
    if let metadata = object["metadata"],
      let type = catalogue.type("io.k8s.apimachinery.pkg.apis.meta.v1.\(name)")
    {
      writer.message(try message(metadata, type, depth: 0), field: 1)
    }
    return writer
  }

  private func message(_ value: JSONValue, _ type: TypeInfo, depth: Int) throws(ProtobufError)
    -> ProtobufWriter
  {
    guard depth < ProtobufFacts.maximumDepth else {
      throw ProtobufError("it is nested too deeply")
    }
    if let special = type.special { return try self.special(value, special, type, depth: depth) }
    guard case .object(let object) = value else {
      throw ProtobufError("a \(type.shortName) is no object")
    }
    var writer = ProtobufWriter()
    var embedded: [Member] = []
    for (name, content) in object where !content.isNull {
      guard let field = type.field(name), let number = field.protobufPath.first else { continue }
      if field.protobufPath.count == 1 {
        try write(content, field.type, number, to: &writer, depth: depth)
      } else {
        embedded.append(Member(path: field.protobufPath[...], type: field.type, value: content))
      }
    }
    if !embedded.isEmpty { try write(embedded, to: &writer, depth: depth) }
    return writer
  }

  private struct Member {
    var path: ArraySlice<Int>
    var type: FieldType
    var value: JSONValue
  }

  /// Members that share the first number of their paths go into one message.
  private func write(_ members: [Member], to writer: inout ProtobufWriter, depth: Int)
    throws(ProtobufError)
  {
    var numbers: [Int] = []
    for number in members.compactMap(\.path.first) where !numbers.contains(number) {
      numbers.append(number)
    }
    for number in numbers {
      var inner = ProtobufWriter()
      var deeper: [Member] = []
      for member in members where member.path.first == number {
        let rest = member.path.dropFirst()
        if rest.count == 1, let last = rest.first {
          try write(member.value, member.type, last, to: &inner, depth: depth)
        } else {
          deeper.append(Member(path: rest, type: member.type, value: member.value))
        }
      }
      if !deeper.isEmpty { try write(deeper, to: &inner, depth: depth) }
      writer.message(inner, field: number)
    }
  }

  private func write(
    _ value: JSONValue, _ type: FieldType, _ number: Int, to writer: inout ProtobufWriter,
    depth: Int
  ) throws(ProtobufError) {
    switch (type, value) {
    case (.string, .string(let text)): writer.string(text, field: number)
    case (.bytes, .string(let text)):
      guard let bytes = Base64.decode(text) else { throw ProtobufError("bytes are no base64") }
      writer.data(bytes, field: number)
    case (.boolean, .bool(let flag)): writer.boolean(flag, field: number)
    case (.integer, .int(let value)): writer.integer(value, field: number)
    case (.number, .int(let value)): writer.double(Double(value), field: number)
    case (.number, .double(let value)): writer.double(value, field: number)
    case (.type(let id), _):
      writer.message(try message(value, catalogue.type(id), depth: depth + 1), field: number)
    case (.list(let element), .array(let values)):
      for value in values {
        try write(value, element, number, to: &writer, depth: depth)
      }
    case (.map(let element), .object(let object)):
      for (key, value) in object {
        var entry = ProtobufWriter()
        entry.string(key, field: 1)
        if case .list(let inner) = element {
          // A map of lists holds messages with one repeated field.
          var list = ProtobufWriter()
          for value in value.arrayValue ?? [] {
            try write(value, inner, 1, to: &list, depth: depth)
          }
          entry.message(list, field: 2)
        } else {
          try write(value, element, 2, to: &entry, depth: depth)
        }
        writer.message(entry, field: number)
      }
    case (_, .null): break
    default: throw ProtobufError("field \(number) does not take the value that it has")
    }
  }

  private func special(
    _ value: JSONValue, _ special: SpecialType, _ type: TypeInfo, depth: Int
  ) throws(ProtobufError) -> ProtobufWriter {
    var writer = ProtobufWriter()
    switch special {
    case .quantity: writer.string(value.stringValue ?? value.text, field: 1)
    case .time, .microTime:
      guard let text = value.stringValue, let time = Timestamp(parsing: text) else {
        if value.isNull { return writer }
        throw ProtobufError("\(value.text) is no time")
      }
      writer.integer(time.seconds, field: 1)
      writer.integer((time.microseconds - time.seconds * 1_000_000) * 1_000, field: 2)
    case .intOrString:
      if case .int(let number) = value {
        writer.integer(0, field: 1)
        writer.integer(number, field: 2)
        writer.string("", field: 3)
      } else {
        writer.integer(1, field: 1)
        writer.integer(0, field: 2)
        writer.string(value.stringValue ?? "", field: 3)
      }
    case .any, .anyObject:
      if let union = ProtobufFacts.Union(type), union != .json {
        return try self.union(union, value, depth: depth)
      }
      writer.data(value.serialized(), field: 1)
    }
    return writer
  }

  private func union(_ union: ProtobufFacts.Union, _ value: JSONValue, depth: Int)
    throws(ProtobufError) -> ProtobufWriter
  {
    guard let schema = ProtobufFacts.Union.schema(catalogue) else {
      throw ProtobufError("schemas are not known")
    }
    var writer = ProtobufWriter()
    switch value {
    case .bool(let flag): writer.boolean(flag, field: 1)
    case .array(let values):
      for value in values {
        if let text = value.stringValue {
          writer.string(text, field: 2)
        } else {
          writer.message(try message(value, schema, depth: depth + 1), field: 2)
        }
      }
    default:
      if union == .orBool { writer.boolean(true, field: 1) }
      writer.message(
        try message(value, schema, depth: depth + 1), field: union == .orBool ? 2 : 1)
    }
    return writer
  }
}
