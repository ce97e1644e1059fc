import JSONDocument

/// A condition on labels, from a query parameter or a `LabelSelector` object.
public struct LabelSelector: Sendable, Hashable, CustomStringConvertible {
  public enum Operator: String, Sendable, Hashable {
    case equals = "="
    case doubleEquals = "=="
    case notEquals = "!="
    case `in`
    case notIn = "notin"
    case exists
    case doesNotExist = "!"
    case greaterThan = "gt"
    case lessThan = "lt"
  }

  public struct Requirement: Sendable, Hashable {
    public var key: String
    public var `operator`: Operator
    public var values: [String]

    public init(key: String, operator: Operator, values: [String] = []) {
      self.key = key
      self.operator = `operator`
      self.values = values
    }

    public func matches(_ labels: JSONObject?) -> Bool {
      let value = labels?[key]?.stringValue
      switch self.operator {
      case .equals, .doubleEquals, .in: return value.map(values.contains) ?? false
      case .notEquals, .notIn: return value.map { !values.contains($0) } ?? true
      case .exists: return value != nil
      case .doesNotExist: return value == nil
      case .greaterThan, .lessThan:
        guard let value, let number = Int64(value), let bound = values.first.flatMap({ Int64($0) })
        else { return false }
        return self.operator == .greaterThan ? number > bound : number < bound
      }
    }
  }

  /// All must hold.
  public var requirements: [Requirement]
  /// True for the selector that selects no object, whatever its labels.
  public var matchesNothing: Bool

  public init(requirements: [Requirement] = [], matchesNothing: Bool = false) {
    self.requirements = requirements
    self.matchesNothing = matchesNothing
  }

  public static let everything = LabelSelector()
  public static let nothing = LabelSelector(matchesNothing: true)

  /// The text of a `labelSelector` query parameter.
  ///
  /// - Throws: BadRequest, worded as upstream words it.
  public init(parsing text: String) throws(APIStatus) {
    var parser = LabelSelectorParser(text)
    self.init(requirements: try parser.parse())
  }

  /// A `metav1.LabelSelector`: without members it selects everything, nil selects nothing.
  /// A requirement with an unknown operator selects nothing, as validation refuses it earlier.
  public init(object: JSONValue?) {
    guard let object, !object.isNull else {
      self = .nothing
      return
    }
    var requirements: [Requirement] = []
    for (key, value) in object["matchLabels"]?.objectValue ?? [:] {
      requirements.append(
        Requirement(key: key, operator: .equals, values: [value.stringValue ?? ""]))
    }
    for expression in object["matchExpressions"]?.arrayValue ?? [] {
      let values = (expression["values"]?.arrayValue ?? []).compactMap(\.stringValue)
      let selected: Operator
      switch expression["operator"]?.stringValue {
      case "In": selected = .in
      case "NotIn": selected = .notIn
      case "Exists": selected = .exists
      case "DoesNotExist": selected = .doesNotExist
      default:
        self = .nothing
        return
      }
      requirements.append(
        Requirement(
          key: expression["key"]?.stringValue ?? "", operator: selected, values: values))
    }
    self.init(requirements: requirements)
  }

  /// A plain map of labels, e.g. a Service's selector; nil or empty selects nothing.
  public init(labels: JSONObject?) {
    guard let labels, !labels.isEmpty else {
      self = .nothing
      return
    }
    self.init(
      requirements: labels.map {
        Requirement(key: $0.0, operator: .equals, values: [$0.1.stringValue ?? ""])
      })
  }

  public var isEverything: Bool { !matchesNothing && requirements.isEmpty }

  public func matches(_ labels: JSONObject?) -> Bool {
    guard !matchesNothing else { return false }
    for requirement in requirements where !requirement.matches(labels) { return false }
    return true
  }

  /// The text that `init(parsing:)` reads, requirements sorted by key.
  public var description: String {
    requirements.sorted { $0.key < $1.key }.map(\.description).joined(separator: ",")
  }
}

extension LabelSelector.Requirement: CustomStringConvertible {
  public var description: String {
    switch self.operator {
    case .exists: key
    case .doesNotExist: "!\(key)"
    case .in, .notIn:
      "\(key) \(self.operator.rawValue) (\(values.sorted().joined(separator: ",")))"
    case .greaterThan: "\(key)>\(values.first ?? "")"
    case .lessThan: "\(key)<\(values.first ?? "")"
    case .equals, .doubleEquals, .notEquals:
      "\(key)\(self.operator.rawValue)\(values.first ?? "")"
    }
  }
}
