import JSONDocument

/// Turns objects that clients send in protobuf into the JSON form, by the catalogue's fields.
///
/// What is zero is left out here, but for fields where a written zero means something
/// (`ProtobufFacts.pointers`).
public struct ProtobufDecoder {
  let catalogue: Catalogue

  /// Reads the envelope (`runtime.Unknown`) and the object in it.
  public static func decode(_ bytes: [UInt8], catalogue: Catalogue = .shared) throws(ProtobufError)
    -> JSONValue
  {
    guard bytes.starts(with: ProtobufFacts.magic) else {
      throw ProtobufError("it does not begin with the mark of Kubernetes' protobuf encoding")
    }
    var reader = ProtobufReader(bytes.dropFirst(ProtobufFacts.magic.count))
    var apiVersion = ""
    var kind = ""
    var raw: ArraySlice<UInt8> = []
    while let (number, value) = try reader.next() {
      guard case .bytes(let bytes) = value else { continue }
      if number == 1 {
        var meta = ProtobufReader(bytes)
        while let (number, value) = try meta.next() {
          guard case .bytes(let text) = value else { continue }
          if number == 1 { apiVersion = String(decoding: text, as: UTF8.self) }
          if number == 2 { kind = String(decoding: text, as: UTF8.self) }
        }
      } else if number == 2 {
        raw = bytes
      }
    }
    let parts = apiVersion.split(separator: "/", maxSplits: 1).map(String.init)
    guard
      let type = catalogue.type(
        group: parts.count == 2 ? parts[0] : "", version: parts.last ?? "", kind: kind)
    else { throw ProtobufError("there is no kind \"\(kind)\" in version \"\(apiVersion)\"") }
    var object: JSONObject = ["kind": .string(kind), "apiVersion": .string(apiVersion)]
    let decoder = ProtobufDecoder(catalogue: catalogue)
    try decoder.read(raw, type.protobuf, type, into: &object, depth: 0)
    return .object(object)
  }

  private func message(_ bytes: ArraySlice<UInt8>, _ type: TypeInfo, depth: Int)
    throws(ProtobufError) -> JSONValue
  {
    guard depth < ProtobufFacts.maximumDepth else {
      throw ProtobufError("it is nested too deeply")
    }
    if let special = type.special { return try self.special(bytes, special, type, depth: depth) }
    var object = JSONObject()
    try read(bytes, type.protobuf, type, into: &object, depth: depth)
    return .object(object)
  }

  private func read(
    _ bytes: ArraySlice<UInt8>, _ layout: ProtobufLayout, _ type: TypeInfo,
    into object: inout JSONObject, depth: Int
  ) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let (number, value) = try reader.next() {
      switch layout.members[number] {
      // A field that this version doesn't know.
      case nil: continue
      case .embedded(let inner):
        guard case .bytes(let bytes) = value else {
          throw ProtobufError("field \(number) of \(type.shortName) is no message")
        }
        try read(bytes, inner, type, into: &object, depth: depth)
      case .field(let position):
        try read(value, type.fields[position], type, into: &object, depth: depth)
      }
    }
  }

  private func read(
    _ value: ProtobufReader.Value, _ field: FieldInfo, _ type: TypeInfo,
    into object: inout JSONObject, depth: Int
  ) throws(ProtobufError) {
    switch field.type {
    case .list(let element):
      var list = object[field.name]?.arrayValue ?? []
      object[field.name] = nil
      if case .bytes(let packed) = value, element.isNumeric {
        var reader = ProtobufReader(packed)
        while let number = try reader.packedNumber() {
          list.append(try self.value(.varint(number), element, depth: depth))
        }
      } else {
        list.append(try self.value(value, element, depth: depth))
      }
      object[field.name] = .array(list)
    case .map(let element):
      guard case .bytes(let entry) = value else { throw ProtobufError("a map is no message") }
      var pair = ProtobufReader(entry)
      var key = ""
      var content: JSONValue?
      while let (number, value) = try pair.next() {
        if number == 1, case .bytes(let text) = value {
          key = String(decoding: text, as: UTF8.self)
        } else if number == 2 {
          content = try self.value(value, element, depth: depth)
        }
      }
      var map = object[field.name]?.objectValue ?? [:]
      object[field.name] = nil
      map[key] = content ?? .string("")
      object[field.name] = .object(map)
    default:
      let content = try self.value(value, field.type, depth: depth)
      if Self.isZero(content), !ProtobufFacts.isPointer(field, of: type) { return }
      if content.isNull { return }
      object[field.name] = content
    }
  }

  private static func isZero(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .string(""), .int(0), .bool(false): true
    case .double(let number): number == 0
    default: false
    }
  }

  private func value(_ value: ProtobufReader.Value, _ type: FieldType, depth: Int)
    throws(ProtobufError) -> JSONValue
  {
    switch (type, value) {
    case (.string, .bytes(let bytes)):
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw ProtobufError("a string is not valid UTF-8")
      }
      return .string(text)
    case (.bytes, .bytes(let bytes)): return .string(Base64.encode(bytes))
    case (.boolean, .varint(let number)): return .bool(number != 0)
    case (.integer(32), .varint(let number)):
      return .int(Int64(Int32(truncatingIfNeeded: number)))
    case (.integer, .varint(let number)): return .int(Int64(bitPattern: number))
    case (.number, .fixed64(let bits)):
      let number = Double(bitPattern: bits)
      guard number.isFinite else { throw ProtobufError("a number is not finite") }
      return .double(number)
    case (.type(let id), .bytes(let bytes)):
      return try message(bytes, catalogue.type(id), depth: depth + 1)
    case (.list(let element), .bytes(let bytes)):
      // A map of lists holds messages with one repeated field.
      var list: [JSONValue] = []
      var reader = ProtobufReader(bytes)
      while let (_, value) = try reader.next() {
        list.append(try self.value(value, element, depth: depth + 1))
      }
      return .array(list)
    default: throw ProtobufError("a field has the wrong wire type")
    }
  }

  private func special(
    _ bytes: ArraySlice<UInt8>, _ special: SpecialType, _ type: TypeInfo, depth: Int
  ) throws(ProtobufError) -> JSONValue {
    var numbers: [Int: Int64] = [:]
    var texts: [Int: [ArraySlice<UInt8>]] = [:]
    var reader = ProtobufReader(bytes)
    while let (number, value) = try reader.next() {
      switch value {
      case .varint(let value): numbers[number] = Int64(bitPattern: value)
      case .bytes(let bytes): texts[number, default: []].append(bytes)
      default: break
      }
    }
    func text(_ number: Int) -> String {
      String(decoding: texts[number]?.last ?? [], as: UTF8.self)
    }
    switch special {
    case .quantity: return .string(text(1))
    case .time, .microTime:
      // The zero time is an empty message, or the first second of the year 1.
      guard let seconds = numbers[1], seconds > -62_135_596_800, seconds < 253_402_300_800 else {
        return .null
      }
      let microseconds = min(max((numbers[2] ?? 0) / 1_000, 0), 999_999)
      let time = Timestamp(microseconds: seconds * 1_000_000 + microseconds)
      return .string(special == .time ? time.rfc3339() : time.rfc3339Micro())
    case .intOrString:
      return numbers[1] == 1
        ? .string(text(3)) : .int(Int64(Int32(truncatingIfNeeded: numbers[2] ?? 0)))
    case .any, .anyObject:
      if let union = ProtobufFacts.Union(type), union != .json {
        return try self.union(union, numbers, texts, depth: depth)
      }
      guard let raw = texts[1]?.last, !raw.isEmpty else { return .null }
      do throws(JSONError) {
        return try JSONValue(parsing: raw)
      } catch {
        throw ProtobufError("embedded JSON is malformed: \(error)")
      }
    }
  }

  private func union(
    _ union: ProtobufFacts.Union, _ numbers: [Int: Int64], _ texts: [Int: [ArraySlice<UInt8>]],
    depth: Int
  ) throws(ProtobufError) -> JSONValue {
    guard let schema = ProtobufFacts.Union.schema(catalogue) else {
      throw ProtobufError("schemas are not known")
    }
    let isBool = union == .orBool
    if let single = texts[isBool ? 2 : 1]?.last {
      return try message(single, schema, depth: depth + 1)
    }
    if isBool { return .bool((numbers[1] ?? 0) != 0) }
    var list: [JSONValue] = []
    for element in texts[2] ?? [] {
      list.append(
        union == .orArray
          ? try message(element, schema, depth: depth + 1)
          : .string(String(decoding: element, as: UTF8.self)))
    }
    return .array(list)
  }
}

extension FieldType {
  /// Whether lists of it may come packed.
  var isNumeric: Bool {
    switch self {
    case .integer, .boolean: true
    default: false
    }
  }
}
