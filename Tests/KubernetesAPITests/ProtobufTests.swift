import JSONDocument
import SeededRuns
import Testing

@testable import KubernetesAPI

struct ProtobufTests {
  // MARK: Bytes worked out by hand from the wire format

  static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
  }

  static func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex.filter { $0 != " " })
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0...$0 + 1]), radix: 16)
    }
  }

  @Test func aConfigMapIsAnEnvelopeWithTheObjectInIt() throws {
    let object: JSONValue = [
      "kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": "a"], "data": ["k": "v"],
    ]
    let encoded = try #require(try ProtobufEncoder().encode(object))
    // k8s\0 | 1: {1: "v1", 2: "ConfigMap"} | 2: {1: {1: "a"}, 2: {1: "k", 2: "v"}} | 3: "" | 4: ""
    let expected =
      "6b387300" + "0a0f" + "0a027631" + "1209436f6e6669674d6170"
      + "120d" + "0a03" + "0a0161" + "1206" + "0a016b" + "120176" + "1a00" + "2200"
    #expect(Self.hex(encoded) == expected)
    #expect(try ProtobufDecoder.decode(encoded) == object)
  }

  @Test func embeddedMessagesAreFlatInJSON() throws {
    // Ingress.spec(2).rules(3) { host(1): "h", ingressRuleValue(2) { http(1) { paths(1) {
    // path(1): "/", pathType(3): "Exact" } } } }
    let path = "0a012f" + "1a0545786163 74"
    let ruleValue = "0a0c" + "0a0a" + path
    let rule = "0a0168" + "120e" + ruleValue
    let spec = "1a13" + rule
    let body = "1215" + spec
    let message =
      "6b387300" + "0a1f" + "0a146e6574776f726b696e672e6b38732e696f2f7631" + "1207496e6772657373"
      + "1217" + body
    let object = try ProtobufDecoder.decode(Self.bytes(message))
    let expected: JSONValue = [
      "kind": "Ingress", "apiVersion": "networking.k8s.io/v1",
      "spec": [
        "rules": [
          ["host": "h", "http": ["paths": [["path": "/", "pathType": "Exact"]]]]
        ]
      ],
    ]
    #expect(object == expected)
    let again = try #require(try ProtobufEncoder().encode(object))
    #expect(try ProtobufDecoder.decode(again) == object)
  }

  @Test func zerosStayOnlyWhereTheyMeanSomething() throws {
    // Deployment.spec(2) { replicas(1): 0, minReadySeconds(5): 0, paused(7): false }
    let message =
      "6b387300" + "0a15" + "0a07617070732f7631" + "120a4465706c6f796d656e74"
      + "1208" + "1206" + "0800" + "2800" + "3800"
    #expect(
      try ProtobufDecoder.decode(Self.bytes(message)) == [
        "kind": "Deployment", "apiVersion": "apps/v1", "spec": ["replicas": 0],
      ])
  }

  @Test func aWatchFrameBeginsWithItsLength() {
    let frame = Self.hex(ProtobufEncoder.watchFrame(type: "ADDED", object: [1, 2, 3]))
    let expected = "0000000e" + "0a054144444544" + "1205" + "0a03010203"
    #expect(frame == expected)
  }

  @Test func kindsWithoutProtobufHaveNone() throws {
    #expect(
      try ProtobufEncoder().encode(["kind": "Table", "apiVersion": "meta.k8s.io/v1"]) == nil)
    #expect(try ProtobufEncoder().encode(["kind": "Foo", "apiVersion": "example.com/v1"]) == nil)
  }

  @Test func partialObjectsKeepTheirMetadata() throws {
    let list: JSONValue = [
      "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
      "metadata": ["resourceVersion": "7"], "items": [["metadata": ["name": "a"]]],
    ]
    let encoded = Self.hex(try #require(try ProtobufEncoder().encode(list)))
    let expected = "120c" + "0a03" + "120137" + "1205" + "0a03" + "0a0161" + "1a00" + "2200"
    #expect(encoded.hasSuffix(expected), "\(encoded)")
  }

  // MARK: What is wrong

  @Test(arguments: [
    ("", "does not begin with the mark"),
    ("6b387300 0a04 0a027631", "there is no kind \"\" in version \"v1\""),
    ("6b387300 0aff", "cut short"),
    ("6b387300 0a07 0a027631 1201 50", "there is no kind"),
    ("6b387300 0a09 0a027631 1203506f64 1203 0a0508", "cut short"),
    ("6b387300 0a09 0a027631 1203506f64 1202 0801", "wrong wire type"),
  ])
  func malformedBytesAreRefused(hex: String, text: String) {
    let error = #expect(throws: ProtobufError.self) {
      try ProtobufDecoder.decode(Self.bytes(hex))
    }
    #expect(error?.description.contains(text) == true, "\(error.debugDescription)")
  }

  @Test func damagedBytesNeverTrap() throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<200 {
      guard
        let type = Catalogue.shared.types.filter({ !$0.kinds.isEmpty }).randomElement(
          using: &random),
        let kind = type.kinds.first
      else { continue }
      var generator = ObjectGenerator(random: random)
      let encoded = try #require(
        try ProtobufEncoder().encode(generator.object(type, kind)), "\(type.name)")
      random = generator.random
      for _ in 0..<20 {
        var damaged = encoded
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          let position = Int.random(in: 4..<damaged.count, using: &random)
          damaged[position] = UInt8.random(in: 0...255, using: &random)
        }
        if Bool.random(using: &random) {
          damaged.removeLast(Int.random(in: 0..<damaged.count - 4, using: &random))
        }
        _ = try? ProtobufDecoder.decode(damaged)
      }
    }
  }

  // MARK: Every kind, there and back

  static let kinds = Catalogue.shared.types.flatMap { type in
    type.kinds.prefix(1).map { (type, $0) }
  }

  @Test func everyFieldHasANumber() {
    for type in Catalogue.shared.types where type.special == nil {
      for field in type.fields where field.protobufPath.isEmpty {
        #expect(
          field.name == "kind" || field.name == "apiVersion", "\(type.name).\(field.name)")
      }
    }
  }

  @Test func everyKindGoesThereAndBack() throws {
    var random = SplitMix64(seed: 1)
    for (type, kind) in Self.kinds {
      for _ in 0..<8 {
        var generator = ObjectGenerator(random: random)
        let object = generator.object(type, kind)
        random = generator.random
        let encoded = try #require(try ProtobufEncoder().encode(object), "\(type.name)")
        let decoded = try ProtobufDecoder.decode(encoded)
        let isEqual = decoded == object
        #expect(isEqual, "\(type.name): \(object.text) became \(decoded.text)")
      }
    }
  }
}

/// Makes objects that fill any of the fields of their type with values other than zero.
struct ObjectGenerator {
  var random: SplitMix64

  mutating func object(_ type: TypeInfo, _ kind: TypeInfo.GroupVersionKind) -> JSONValue {
    var object = fields(type, depth: 0)
    object["kind"] = .string(kind.kind)
    object["apiVersion"] = .string(kind.apiVersion)
    return .object(object)
  }

  private mutating func fields(_ type: TypeInfo, depth: Int) -> JSONObject {
    var object = JSONObject()
    for field in type.fields where !field.protobufPath.isEmpty {
      // Thin out below the top, or recursive types would never end.
      guard Int.random(in: 0...(depth + 1), using: &random) == 0 || depth == 0 else { continue }
      if depth > 5, field.type.typeID != nil { continue }
      object[field.name] = value(field.type, depth: depth + 1)
    }
    return object
  }

  private mutating func value(_ type: FieldType, depth: Int) -> JSONValue {
    switch type {
    case .string: return .string("s\(UInt8.random(in: 0...255, using: &random))é")
    case .bytes:
      return .string(Base64.encode((0..<5).map { _ in UInt8.random(in: 0...255, using: &random) }))
    case .boolean: return true
    case .integer(let bits):
      return .int(
        bits == 32
          ? Int64(Int32.random(in: Int32.min ... -1, using: &random))
          : Int64.random(in: 1...Int64.max, using: &random))
    case .number: return .double(Double.random(in: 1...2, using: &random))
    case .list(let element):
      return .array(
        (0..<Int.random(in: 1...3, using: &random)).map { _ in
          value(element, depth: depth)
        })
    case .map(let element):
      var object = JSONObject()
      for number in 0..<Int.random(in: 1...3, using: &random) {
        object["k\(number)"] = value(element, depth: depth)
      }
      return .object(object)
    case .type(let id):
      let type = Catalogue.shared.type(id)
      guard let special = type.special else { return .object(fields(type, depth: depth)) }
      return self.special(special, type, depth: depth)
    }
  }

  private mutating func special(_ special: SpecialType, _ type: TypeInfo, depth: Int) -> JSONValue {
    switch special {
    case .quantity: return "100m"
    case .time:
      return .string(
        Timestamp(
          microseconds: Int64.random(in: -1_000_000_000...4_000_000_000, using: &random)
            * 1_000_000
        ).rfc3339())
    case .microTime: return "2026-11-24T01:02:03.000004Z"
    case .intOrString: return Bool.random(using: &random) ? 80 : "http"
    case .any, .anyObject:
      let schema: JSONValue = ["type": "string", "description": "d"]
      switch type.shortName {
      case "JSONSchemaPropsOrBool": return Bool.random(using: &random) ? true : schema
      case "JSONSchemaPropsOrArray": return Bool.random(using: &random) ? [schema] : schema
      case "JSONSchemaPropsOrStringArray": return Bool.random(using: &random) ? ["a"] : schema
      default: return ["a": ["b": [1, 2.5, true, "c"]]]
      }
    }
  }
}
