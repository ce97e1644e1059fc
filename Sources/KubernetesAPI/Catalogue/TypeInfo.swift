import JSONDocument

/// The position of a type in `Catalogue.types`.
public struct TypeID: Sendable, Hashable {
  public let index: Int
}

/// What JSON a field holds.
public indirect enum FieldType: Sendable, Hashable {
  case string
  /// Base64 in JSON, bytes in protobuf.
  case bytes
  case boolean
  case integer(bits: Int)
  case number
  /// Another type of the catalogue; special ones such as `Quantity` included.
  case type(TypeID)
  case list(FieldType)
  /// An object with free member names.
  case map(FieldType)

  /// The type that elements of the list or map have, or the type itself.
  public var element: FieldType {
    switch self {
    case .list(let element), .map(let element): element
    default: self
    }
  }

  public var typeID: TypeID? {
    switch self {
    case .type(let id): id
    case .list(let element), .map(let element): element.typeID
    default: nil
    }
  }

  public var isList: Bool { if case .list = self { true } else { false } }
  public var isMap: Bool { if case .map = self { true } else { false } }
}

/// How server-side apply and validation see a list.
public enum ListType: String, Sendable, Hashable {
  case atomic
  case set
  case map
}

/// One field of a type.
public struct FieldInfo: Sendable, Hashable {
  public var name: String
  public var type: FieldType
  public var required = false
  public var listType: ListType?
  public var listMapKeys: [String] = []
  /// `atomic` or `granular`; nil where nothing is said, which means granular.
  public var mapType: String?
  /// E.g. `merge`, `replace`, `retainKeys`.
  public var patchStrategies: [String] = []
  /// The member by which strategic merge patch pairs up list elements.
  public var mergeKey: String?
  public var defaultValue: JSONValue?
  /// The protobuf numbers that lead to the field: none where protobuf doesn't carry it (`kind` and
  /// `apiVersion` of an object), more than one where it sits in embedded messages, which JSON
  /// writes flat.
  public var protobufPath: [Int] = []

  public var mergesInPatch: Bool { patchStrategies.contains("merge") }
  public var replacesInPatch: Bool { patchStrategies.contains("replace") }
  public var retainsKeysInPatch: Bool { patchStrategies.contains("retainKeys") }
}

/// Types that are no plain objects.
public enum SpecialType: Sendable, Hashable {
  case quantity
  case time
  case microTime
  case intOrString
  /// Any JSON value.
  case any
  /// Any JSON object, e.g. `RawExtension` and `FieldsV1`.
  case anyObject
}

/// One type of the API.
public struct TypeInfo: Sendable {
  public struct GroupVersionKind: Sendable, Hashable {
    public var group: String
    public var version: String
    public var kind: String

    public init(group: String, version: String, kind: String) {
      self.group = group
      self.version = version
      self.kind = kind
    }

    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
  }

  public var id: TypeID
  /// E.g. `io.k8s.api.core.v1.Pod`.
  public var name: String
  public var special: SpecialType?
  /// Empty unless objects of this type have `kind` and `apiVersion` of their own.
  public var kinds: [GroupVersionKind] = []
  public var fields: [FieldInfo] = []
  var positions: [String: Int] = [:]
  var protobuf = ProtobufLayout()

  public func field(_ name: String) -> FieldInfo? { positions[name].map { fields[$0] } }

  /// The last part of the name, e.g. `Pod`.
  public var shortName: String {
    name.split(separator: ".").last.map(String.init) ?? name
  }
}
