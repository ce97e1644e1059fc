import JSONDocument

/// Turns objects that clients send in protobuf into the JSON form, by the catalogue's fields.
///
/// Go writes fields that are no pointers even when they are zero. What is zero is left out here,
/// but for the few optional fields where a written zero means something.
public enum ProtobufDecoder {
  /// The four bytes that begin every object in Kubernetes' protobuf encoding.
  public static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]

  static let maximumDepth = 64

  /// Optional fields whose zero differs from their absence.
  static let meaningfulZeros: Set<String> = [
    "replicas", "revisionHistoryLimit", "terminationGracePeriodSeconds", "minReplicas",
    "parallelism", "completions", "backoffLimit", "runAsUser", "runAsGroup", "fsGroup",
    "automountServiceAccountToken", "enableServiceLinks", "runAsNonRoot", "suspend",
    "allowPrivilegeEscalation", "allocateLoadBalancerNodePorts", "gracePeriodSeconds",
    "blockOwnerDeletion", "controller", "activeDeadlineSeconds", "ttlSecondsAfterFinished",
    "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "maxUnavailable", "maxSurge",
  ]

  /// Reads the envelope (`runtime.Unknown`) and the object in it.
  public static func decode(_ bytes: [UInt8], catalogue: Catalogue = .shared) throws(ProtobufError)
    -> JSONValue
  {
    guard bytes.starts(with: magic) else {
      throw ProtobufError("it does not begin with the mark of Kubernetes' protobuf encoding")
    }
    var reader = ProtobufReader(bytes.dropFirst(magic.count))
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
    let group = parts.count == 2 ? parts[0] : ""
    let version = parts.last ?? ""
    guard let resource = catalogue.resource(group: group, version: version, kind: kind),
      let type = catalogue.type(resource.typeName)
    else { throw ProtobufError("there is no kind \"\(kind)\" in version \"\(apiVersion)\"") }
    var object: JSONObject = ["kind": .string(kind), "apiVersion": .string(apiVersion)]
    let body = try message(raw, type, catalogue, depth: 0).objectValue ?? [:]
    for (key, value) in body { object[key] = value }
    return .object(object)
  }

  private static func message(
    _ bytes: ArraySlice<UInt8>, _ type: TypeInfo, _ catalogue: Catalogue, depth: Int
  ) throws(ProtobufError) -> JSONValue {
    guard depth < maximumDepth else { throw ProtobufError("it is nested too deeply") }
    if let special = type.special { return try self.special(bytes, special) }
    var object = JSONObject()
    var reader = ProtobufReader(bytes)
    while let (number, value) = try reader.next() {
      guard let field = type.fields.first(where: { $0.protobufNumber == number }) else {
        if type.fields.contains(where: { $0.protobufNumber == nil }) {
          throw ProtobufError(
            "field \(number) of \(type.shortName) can't be read from protobuf yet; send JSON")
        }
        continue
      }
      switch field.type {
      case .list(let element):
        var list = object[field.name]?.arrayValue ?? []
        list.append(try self.value(value, element, catalogue, depth: depth))
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
            content = try self.value(value, element, catalogue, depth: depth)
          }
        }
        var map = object[field.name]?.objectValue ?? [:]
        map[key] = content ?? .string("")
        object[field.name] = .object(map)
      default:
        let content = try self.value(value, field.type, catalogue, depth: depth)
        if isZero(content), !meaningfulZeros.contains(field.name) { continue }
        object[field.name] = content
      }
    }
    return .object(object)
  }

  private static func isZero(_ value: JSONValue) -> Bool {
    switch value {
    case .null, .string(""), .int(0), .bool(false): true
    case .double(let number): number == 0
    default: false
    }
  }

  private static func value(
    _ value: ProtobufReader.Value, _ type: FieldType, _ catalogue: Catalogue, depth: Int
  ) throws(ProtobufError) -> JSONValue {
    switch (type, value) {
    case (.string, .bytes(let bytes)):
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw ProtobufError("a string is not valid UTF-8")
      }
      return .string(text)
    case (.bytes, .bytes(let bytes)): return .string(Base64.encode(Array(bytes)))
    case (.boolean, .varint(let number)): return .bool(number != 0)
    case (.integer, .varint(let number)): return .int(Int64(bitPattern: number))
    case (.number, .fixed64(let bits)): return .double(Double(bitPattern: bits))
    case (.type(let id), .bytes(let bytes)):
      return try message(bytes, catalogue.types[id.index], catalogue, depth: depth + 1)
    case (.list(let element), .bytes(let bytes)):
      // A map of lists holds messages with one repeated field.
      var list: [JSONValue] = []
      var reader = ProtobufReader(bytes)
      while let (_, value) = try reader.next() {
        list.append(try self.value(value, element, catalogue, depth: depth + 1))
      }
      return .array(list)
    default: throw ProtobufError("a field has the wrong wire type")
    }
  }

  private static func special(_ bytes: ArraySlice<UInt8>, _ type: SpecialType)
    throws(ProtobufError) -> JSONValue
  {
    var numbers: [Int: Int64] = [:]
    var texts: [Int: ArraySlice<UInt8>] = [:]
    var reader = ProtobufReader(bytes)
    while let (number, value) = try reader.next() {
      switch value {
      case .varint(let value): numbers[number] = Int64(bitPattern: value)
      case .bytes(let bytes): texts[number] = bytes
      default: break
      }
    }
    func text(_ number: Int) -> String { String(decoding: texts[number] ?? [], as: UTF8.self) }
    switch type {
    case .quantity: return .string(text(1))
    case .time, .microTime:
      // The zero time is an empty message, or the first second of the year 1.
      guard let seconds = numbers[1], seconds > -62_135_596_800, seconds < 253_402_300_800 else {
        return .null
      }
      let microseconds = min(max((numbers[2] ?? 0) / 1_000, 0), 999_999)
      let time = Timestamp(microseconds: seconds * 1_000_000 + microseconds)
      return .string(type == .time ? time.rfc3339() : time.rfc3339Micro())
    case .intOrString: return numbers[1] == 1 ? .string(text(3)) : .int(numbers[2] ?? 0)
    case .any, .anyObject:
      guard let raw = texts[1], !raw.isEmpty else { return .null }
      do throws(JSONError) {
        return try JSONValue(parsing: raw)
      } catch {
        throw ProtobufError("embedded JSON is malformed: \(error)")
      }
    }
  }
}
