import JSONDocument
import SeededRuns
import Testing

@testable import KubernetesAPI

/// JSON to protobuf and back for objects made from the catalogue: every field of every type.
struct GeneratedRoundTripTests {
  /// Makes values of a type, each in the one form in which it comes back.
  struct Generator {
    var random: SplitMix64
    let catalogue: Catalogue = .shared

    /// `path` holds the types around this one: a type inside itself is left out.
    mutating func object(_ type: TypeInfo, path: [TypeID]) -> JSONValue {
      var object = JSONObject()
      for field in type.fields where !field.protobufPath.isEmpty {
        if let id = field.type.typeID, path.filter({ $0 == id }).count > 0 || path.count > 14 {
          continue
        }
        object[field.name] = value(field.type, path: path + [type.id])
      }
      return .object(object)
    }

    mutating func value(_ type: FieldType, path: [TypeID]) -> JSONValue {
      switch type {
      case .string: return .string("s\(random.next() % 100_000)")
      case .bytes: return .string(Base64.encode([UInt8(truncatingIfNeeded: random.next()), 1]))
      case .boolean: return true
      case .integer(let bits):
        let magnitude = Int64(random.next() % (bits == 32 ? 0x7FFF_FFFF : 0x7FFF_FFFF_FFFF_FFFF))
        return .int((random.next() & 1 == 0 ? 1 : -1) * max(1, magnitude))
      case .number: return .double(Double(random.next() % 1000) + 0.5)
      case .list(let element):
        return .array([value(element, path: path), value(element, path: path)])
      case .map(let element):
        return .object(["k\(random.next() % 1000)": value(element, path: path)])
      case .type(let id):
        let inner = catalogue.type(id)
        // Schemas have members that are of one type or another.
        switch inner.shortName {
        case "JSONSchemaPropsOrBool": return true
        case "JSONSchemaPropsOrArray": return ["type": "string"]
        case "JSONSchemaPropsOrStringArray": return ["a", "b"]
        default: break
        }
        switch inner.special {
        case .quantity: return .string("\(random.next() % 900 + 1)Mi")
        case .time: return "2021-02-03T04:05:06Z"
        case .microTime: return "2021-02-03T04:05:06.000007Z"
        case .intOrString: return random.next() & 1 == 0 ? .int(7) : "25%"
        case .any, .anyObject: return ["a": ["b": .int(Int64(random.next() % 100))]]
        case nil: return object(inner, path: path)
        }
      }
    }
  }

  static let kinds = Catalogue.shared.types.filter { type in
    !type.kinds.isEmpty && type.fields.contains { $0.name == "metadata" }
      && !type.shortName.hasSuffix("List")
  }

  @Test func theCatalogueHasTheBuiltInKinds() { #expect(Self.kinds.count >= 67) }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func everyFieldOfEveryKindComesBack(seed: UInt64) throws {
    for type in Self.kinds {
      guard let kind = type.kinds.first else { continue }
      var generator = Generator(random: SplitMix64(seed: seed))
      var object = generator.object(type, path: [])
      object["kind"] = .string(kind.kind)
      object["apiVersion"] = .string(kind.apiVersion)
      guard let encoded = try ProtobufEncoder().encode(object) else { continue }
      let decoded = try ProtobufDecoder.decode(encoded)
      #expect(
        decoded.sorted == object.sorted,
        "\(type.name), seed \(seed): \(Self.firstDifference(object, decoded, ""))")
    }
  }

  private static func firstDifference(_ left: JSONValue?, _ right: JSONValue?, _ path: String)
    -> String
  {
    if case .object(let before)? = left, case .object(let after)? = right {
      for key in Set(before.keys).union(after.keys).sorted() where before[key] != after[key] {
        return firstDifference(before[key], after[key], "\(path)/\(key)")
      }
    }
    if case .array(let before)? = left, case .array(let after)? = right, before.count == after.count
    {
      for index in before.indices where before[index] != after[index] {
        return firstDifference(before[index], after[index], "\(path)/\(index)")
      }
    }
    return "\(path): \(left?.text ?? "nothing") became \(right?.text ?? "nothing")"
  }
}

extension JSONValue {
  /// With members in the order of their names, which says nothing in JSON.
  fileprivate var sorted: JSONValue {
    switch self {
    case .object(let members):
      var result = JSONObject()
      for key in members.keys.sorted() { result[key] = members[key]?.sorted }
      return .object(result)
    case .array(let elements): return .array(elements.map(\.sorted))
    default: return self
    }
  }
}
