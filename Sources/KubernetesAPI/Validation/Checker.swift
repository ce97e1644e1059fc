import JSONDocument

extension Validation {
  /// Collects what is wrong with one object.
  struct Checker {
    let resource: ResourceInfo
    let object: JSONValue
    /// The object as it was; nil on create.
    let old: JSONValue?
    var errors: [FieldError] = []

    init(resource: ResourceInfo, object: JSONValue, old: JSONValue?) {
      self.resource = resource
      self.object = object
      self.old = old
    }

    var kindKey: String { "\(resource.group)/\(resource.kind)" }
    var isCreate: Bool { old == nil }

    mutating func add(_ error: FieldError) { errors.append(error) }

    mutating func add(_ problems: [String], _ field: String, _ value: JSONValue?) {
      for problem in problems { errors.append(.invalid(field, value, problem)) }
    }

    /// A value of the object at a dotted path without list positions.
    func value(_ path: String) -> JSONValue? {
      object.at(
        path: path.utf8.split(separator: UInt8(ascii: ".")).lazy.map { String(Substring($0)) })
    }

    @discardableResult
    mutating func required(_ value: JSONValue?, _ field: String, _ detail: String = "") -> Bool {
      switch value {
      case nil, .null?, .string("")?: add(.required(field, detail))
      case .array(let list)? where list.isEmpty: add(.required(field, detail))
      default: return true
      }
      return false
    }

    mutating func oneOf(_ value: JSONValue?, _ field: String, _ allowed: [String]) {
      guard let text = value?.stringValue else { return }
      if !allowed.contains(text) { add(.notSupported(field, value, allowed)) }
    }

    mutating func notNegative(_ value: JSONValue?, _ field: String) {
      if let number = value?.intValue, number < 0 {
        add(.invalid(field, value, "must be greater than or equal to 0"))
      }
    }

    mutating func port(_ value: JSONValue?, _ field: String) {
      guard let number = value?.intValue, !(1...65535).contains(number) else { return }
      add(.invalid(field, value, "must be between 1 and 65535, inclusive"))
    }

    mutating func immutable(_ field: String, _ before: JSONValue?) {
      let now = value(field)
      if (now ?? .null) != (before ?? .null) {
        add(.invalid(field, now, "field is immutable"))
      }
    }

    /// A count or a percentage: neither negative, nor text without a percent sign.
    mutating func countOrPercent(_ value: JSONValue?, _ field: String, atMost100: Bool = false) {
      guard let value else { return }
      switch IntOrString(value) {
      case .int(let number):
        if number < 0 { add(.invalid(field, value, "must be greater than or equal to 0")) }
      case .string(let text):
        guard IntOrString.string(text).percent != nil, !text.hasPrefix("+") else {
          add(
            .invalid(
              field, value,
              "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
                + "'1%',  or '93%', regex used for validation is '[0-9]+%')"))
          return
        }
        if atMost100, let percent = IntOrString.string(text).percent, percent > 100 {
          add(.invalid(field, value, "must not be greater than 100%"))
        }
      case nil: add(.invalid(field, value, "must be an integer or percentage (e.g '5%%')"))
      }
    }

    mutating func statusCounts(_ names: [String]) {
      for name in names { notNegative(object["status"]?[name], "status.\(name)") }
    }

    mutating func labels(_ value: JSONValue?, _ field: String) {
      for (key, label) in value?.objectValue ?? [:] {
        add(NameRules.labelKey(key), field, .string(key))
        add(NameRules.labelValue(label.stringValue ?? ""), field, label)
      }
    }

    /// A `LabelSelector`.
    mutating func selector(_ value: JSONValue?, _ field: String) {
      guard let value else { return }
      labels(value["matchLabels"], "\(field).matchLabels")
      for (index, expression) in (value["matchExpressions"]?.arrayValue ?? []).enumerated() {
        let place = "\(field).matchExpressions[\(index)]"
        let values = expression["values"]?.arrayValue ?? []
        switch expression["operator"]?.stringValue {
        case "In", "NotIn":
          if values.isEmpty {
            add(
              .required("\(place).values", "must be specified when `operator` is 'In' or 'NotIn'"))
          }
        case "Exists", "DoesNotExist":
          if !values.isEmpty {
            add(
              .forbidden(
                "\(place).values",
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
          }
        default:
          add(
            .invalid(
              "\(place).operator", expression["operator"] ?? "", "not a valid selector operator"))
        }
        add(
          NameRules.labelKey(expression["key"]?.stringValue ?? ""), "\(place).key",
          expression["key"] ?? "")
        for (position, value) in values.enumerated() {
          add(
            NameRules.labelValue(value.stringValue ?? ""), "\(place).values[\(position)]", value)
        }
      }
    }
  }
}
