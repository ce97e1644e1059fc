import JSONDocument

/// A CustomResourceDefinition, as far as serving its objects goes.
public struct CustomResourceDefinition: Sendable {
  public struct Names: Sendable, Hashable {
    public var plural = ""
    public var singular = ""
    public var shortNames: [String] = []
    public var kind = ""
    public var listKind = ""
    public var categories: [String] = []

    public init(_ value: JSONValue?) {
      func text(_ name: String) -> String { value?[name]?.stringValue ?? "" }
      func list(_ name: String) -> [String] {
        (value?[name]?.arrayValue ?? []).compactMap(\.stringValue)
      }
      plural = text("plural")
      singular = text("singular")
      shortNames = list("shortNames")
      kind = text("kind")
      listKind = text("listKind")
      categories = list("categories")
    }

    /// As `status.acceptedNames` holds them.
    public var json: JSONValue {
      var object: JSONObject = ["plural": .string(plural)]
      if !singular.isEmpty { object["singular"] = .string(singular) }
      if !shortNames.isEmpty { object["shortNames"] = .array(shortNames.map { .string($0) }) }
      object["kind"] = .string(kind)
      if !listKind.isEmpty { object["listKind"] = .string(listKind) }
      if !categories.isEmpty { object["categories"] = .array(categories.map { .string($0) }) }
      return .object(object)
    }
  }

  public struct Version: Sendable {
    public var name: String
    public var isServed: Bool
    public var isStorage: Bool
    public var isDeprecated: Bool
    public var deprecationWarning: String?
    public var schema: JSONValue?
    public var hasStatus: Bool
    public var scale: CustomResource.ScalePaths?
    public var columns: [CustomResource.Column]
    public var selectableFields: [CustomResource.SelectableField]

    init(_ value: JSONValue) {
      name = value["name"]?.stringValue ?? ""
      isServed = value["served"]?.boolValue ?? false
      isStorage = value["storage"]?.boolValue ?? false
      isDeprecated = value["deprecated"]?.boolValue ?? false
      deprecationWarning = value["deprecationWarning"]?.stringValue
      schema = value.at("schema", "openAPIV3Schema")
      hasStatus = value.at("subresources", "status")?.objectValue != nil
      if let scale = value.at("subresources", "scale"), scale.objectValue != nil {
        self.scale = CustomResource.ScalePaths(
          specReplicas: Self.path(scale["specReplicasPath"]),
          statusReplicas: Self.path(scale["statusReplicasPath"]),
          labelSelector: Self.path(scale["labelSelectorPath"]))
      }
      columns = (value["additionalPrinterColumns"]?.arrayValue ?? []).map { column in
        let path = column["jsonPath"]?.stringValue ?? ""
        var description = column["description"]?.stringValue ?? ""
        if description.isEmpty {
          description = "Custom resource definition column (in JSONPath format): \(path)"
        }
        return CustomResource.Column(
          column: TableColumn(
            name: column["name"]?.stringValue ?? "", type: column["type"]?.stringValue ?? "",
            format: column["format"]?.stringValue ?? "", description: description,
            priority: Int(clamping: column["priority"]?.intValue ?? 0)),
          path: FieldPathExpression(path))
      }
      selectableFields = (value["selectableFields"]?.arrayValue ?? []).map { field in
        let path = Self.path(field["jsonPath"])
        return CustomResource.SelectableField(name: path.joined(separator: "."), path: path)
      }
    }

    private static func path(_ value: JSONValue?) -> [String] {
      (value?.stringValue ?? "").split(separator: ".").map(String.init)
    }
  }

  public var name: String
  public var uid: String
  public var generation: Int64
  public var group: String
  public var isNamespaced: Bool
  public var names: Names
  public var acceptedNames: Names
  public var versions: [Version]
  public var isEstablished: Bool
  /// It is being deleted, or told to be.
  public var isTerminating: Bool

  public init(_ object: JSONValue) {
    name = object.at("metadata", "name")?.stringValue ?? ""
    uid = object.at("metadata", "uid")?.stringValue ?? ""
    generation = object.at("metadata", "generation")?.intValue ?? 0
    group = object.at("spec", "group")?.stringValue ?? ""
    isNamespaced = object.at("spec", "scope")?.stringValue == "Namespaced"
    names = Names(object.at("spec", "names"))
    acceptedNames = Names(object.at("status", "acceptedNames"))
    versions = (object.at("spec", "versions")?.arrayValue ?? []).map(Version.init)
    isEstablished = Self.isTrue("Established", object)
    isTerminating =
      object.at("metadata", "deletionTimestamp")?.stringValue != nil
      || Self.isTrue("Terminating", object)
  }

  public static func isTrue(_ condition: String, _ object: JSONValue) -> Bool {
    (object.at("status", "conditions")?.arrayValue ?? []).contains {
      $0["type"]?.stringValue == condition && $0["status"]?.stringValue == "True"
    }
  }

  public var storageVersion: String { versions.first(where: \.isStorage)?.name ?? "" }

  /// What clients of a deprecated version are told.
  func deprecation(of version: Version) -> String {
    if let warning = version.deprecationWarning { return warning }
    let kind = acceptedNames.kind
    let text = "\(group)/\(version.name) \(kind) is deprecated"
    let better = versions.filter { candidate in
      candidate.isServed && !candidate.isDeprecated
        && KubernetesVersion(candidate.name) > KubernetesVersion(version.name)
    }.max { KubernetesVersion($0.name) < KubernetesVersion($1.name) }
    guard let better else { return text }
    return "\(text); use \(group)/\(better.name) \(kind)"
  }
}

/// The name of a version of an API, in the order of preference: `v2` over `v1` over `v1beta1` over
/// `v1alpha1` over anything else, which comes in the order of the alphabet.
public struct KubernetesVersion: Sendable, Hashable, Comparable {
  public let name: String
  private let major: Int
  /// 3 released, 2 beta, 1 alpha, 0 of no known form.
  private let stage: Int
  private let minor: Int

  public init(_ name: String) {
    self.name = name
    var rest = Substring(name)
    func number() -> Int? {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      return digits.first == "0" ? nil : Int(digits)
    }
    guard rest.first == "v" else {
      (major, stage, minor) = (0, 0, 0)
      return
    }
    rest.removeFirst()
    guard let major = number() else {
      (self.major, stage, minor) = (0, 0, 0)
      return
    }
    if rest.isEmpty {
      (self.major, stage, minor) = (major, 3, 0)
      return
    }
    for (word, stage) in [("beta", 2), ("alpha", 1)] where rest.hasPrefix(word) {
      rest = rest.dropFirst(word.count)
      if let minor = number(), rest.isEmpty {
        (self.major, self.stage, self.minor) = (major, stage, minor)
        return
      }
    }
    (self.major, stage, minor) = (0, 0, 0)
  }

  /// A version is greater when it is preferred.
  public static func < (left: Self, right: Self) -> Bool {
    if left.stage != right.stage { return left.stage < right.stage }
    guard left.stage > 0 else { return left.name > right.name }
    return (left.major, left.minor) < (right.major, right.minor)
  }
}

extension CustomResourceDefinition {
  /// Formats in a definition's schemas that nobody knows, and which therefore are not looked at.
  public static func unknownFormats(in object: JSONValue) -> [String] {
    DefinitionChecker.unknownFormats(in: object)
  }
}
