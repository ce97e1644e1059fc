import JSONDocument

extension StructuralSchema {
  /// What checking one value against one schema came to.
  struct Outcome {
    var errors: [FieldError] = []
    /// How many checks were made: of schemas that all fail, the one that fits best has most.
    var checks = 0

    mutating func add(_ other: Outcome) {
      errors += other.errors
      checks += other.checks
    }
  }

  /// What is wrong with a value.
  ///
  /// - Parameter old: the value before; what has not changed is not held against an update
  ///   (KEP-4008, ratcheting).
  /// - Parameter base: the path of the value; nil for an object of the API.
  public func validate(_ value: JSONValue, old: JSONValue? = nil, base: String? = nil)
    -> [FieldError]
  {
    validate(value, old, path: "", base: base ?? "").errors
  }

  private func place(_ base: String, _ path: String) -> String {
    if path.isEmpty { return base.isEmpty ? "<nil>" : base }
    return base.isEmpty ? path : "\(base).\(path)"
  }

  private func validate(
    _ value: JSONValue, _ old: JSONValue?, path: String, base: String, depth: Int = 0
  ) -> Outcome {
    guard depth < Self.maximumDepth else { return Outcome() }
    var outcome = Outcome()
    let field = place(base, path)
    func invalid(_ shown: JSONValue, _ text: String) {
      outcome.errors.append(.invalid(field, shown, "\(path) in body \(text)"))
    }
    checkType(value, path, field, &outcome)
    outcome.checks += 1
    if value.isNull {
      checkEnumeration(value, field, &outcome)
      return settled(outcome, value, old)
    }
    if !allOf.isEmpty || !anyOf.isEmpty || !oneOf.isEmpty || not != nil {
      combine(value, old, path, base, depth, &outcome)
    }
    outcome.checks += 1
    switch value {
    case .string(let text):
      if let maximum = bounds.maximumLength, text.unicodeScalars.count > maximum {
        outcome.errors.append(.tooLong(field, maximumBytes: maximum))
      } else if let minimum = bounds.minimumLength, text.unicodeScalars.count < minimum {
        invalid(value, "should be at least \(minimum) chars long")
      } else if let pattern, !pattern.isFound(in: text) {
        invalid(value, "should match '\(pattern.pattern)'")
      }
      if !format.isEmpty, ValueFormat.isWrong(text, format: format) {
        outcome.errors.append(
          FieldError(
            .typeInvalid, field, value: value,
            "\(path) in body must be of type \(format): \(GoFormat.quoted(text))"))
      }
    case .int, .double: checkNumber(value, path, field, base, &outcome)
    case .array(let elements):
      if let minimum = bounds.minimumItems, elements.count < minimum {
        invalid(JSONValue(elements.count), "should have at least \(minimum) items")
      }
      if let maximum = bounds.maximumItems, elements.count > maximum {
        outcome.errors.append(Self.tooMany(field, elements.count, maximum))
      }
      if uniqueItems, Set(elements).count < elements.count {
        invalid(.null, "shouldn't contain duplicates")
      }
      if let items {
        let olds = correlated(old)
        for (index, element) in elements.enumerated() {
          outcome.add(
            items.validate(
              element, olds?(element), path: "\(path)[\(index)]", base: base, depth: depth + 1))
        }
      }
    case .object(let members): checkMembers(members, old, path, base, depth, &outcome)
    default: break
    }
    outcome.checks += 1
    checkEnumeration(value, field, &outcome)
    return settled(outcome, value, old)
  }

  /// An update answers for what it changes only.
  private func settled(_ outcome: Outcome, _ value: JSONValue, _ old: JSONValue?) -> Outcome {
    guard !outcome.errors.isEmpty, let old, old == value else { return outcome }
    return Outcome(errors: [], checks: outcome.checks)
  }

  static func tooMany(_ field: String, _ count: Int, _ maximum: Int) -> FieldError {
    FieldError(
      .tooMany, field, value: JSONValue(count),
      "must have at most \(maximum) item\(maximum == 1 ? "" : "s")")
  }

  /// Finds the element of the old list that an element of the new one continues.
  private func correlated(_ old: JSONValue?) -> ((JSONValue) -> JSONValue?)? {
    guard listType == "map", let olds = old?.arrayValue else { return nil }
    let keys = listMapKeys
    return { element in
      olds.first { candidate in keys.allSatisfy { candidate[$0] == element[$0] } }
    }
  }

  private func checkEnumeration(_ value: JSONValue, _ field: String, _ outcome: inout Outcome) {
    guard let enumeration, !enumeration.isEmpty, !(value.isNull && isNullable),
      !enumeration.contains(where: { Self.isEqual($0, value) })
    else { return }
    outcome.errors.append(
      FieldError(
        .notSupported, field, value: value,
        "supported values: "
          + enumeration.map { GoFormat.quoted($0.stringValue ?? $0.text) }
          .joined(separator: ", ")))
  }

  private static func isEqual(_ left: JSONValue, _ right: JSONValue) -> Bool {
    if left == right { return true }
    if let left = left.doubleValue, let right = right.doubleValue { return left == right }
    return false
  }

  // MARK: Types and numbers

  private func checkType(
    _ value: JSONValue, _ path: String, _ field: String, _ outcome: inout Outcome
  ) {
    func wrong(_ expected: String, _ found: String) {
      outcome.errors.append(
        FieldError(
          .typeInvalid, field, value: .string(found),
          "\(path) in body must be of type \(expected): \(GoFormat.quoted(found))"))
    }
    let types = types
    guard !types.isEmpty else { return }
    if value.isNull {
      if !isNullable { wrong(types.joined(separator: ","), "null") }
      return
    }
    let found: String
    var isText = false
    var isWholeDouble = false
    switch value {
    case .null: found = "null"
    case .bool: found = "boolean"
    case .int: found = "integer"
    case .double(let number):
      found = "number"
      isWholeDouble = abs(number) <= 9_007_199_254_740_991 && number == number.rounded()
    case .string:
      found = "string"
      isText = true
    case .array:
      found = "array"
      isText = true
    case .object: found = "object"
    }
    let fits =
      types.contains(found) || found == "number" && isWholeDouble && types.contains("integer")
      || found == "integer" && types.contains("number")
    if fits { return }
    let isNumeric = types.contains("number") || types.contains("integer")
    if isText, !isNumeric, !format.isEmpty, ValueFormat.isKnown(format) {
      // The check of the format says what is wrong.
      if found == "string" { return }
    }
    if !isText, !format.isEmpty, ValueFormat.isKnown(format) {
      let foundFormat =
        switch value {
        case .int: "int64"
        case .double: "float64"
        default: ""
        }
      wrong(format, foundFormat)
      return
    }
    wrong(types.joined(separator: ","), found)
  }

  private func checkNumber(
    _ value: JSONValue, _ path: String, _ field: String, _ base: String, _ outcome: inout Outcome
  ) {
    func invalid(_ text: String) {
      outcome.errors.append(.invalid(field, value, "\(path) in body \(text)"))
    }
    if types == ["integer"], let range = ValueFormat.range(ofIntegers: format) {
      let isInside =
        switch value {
        case .int(let number): range.contains(Double(number))
        case .double(let number):
          number == number.rounded() && range.contains(number) && Int64(exactly: number) != nil
        default: false
        }
      if !isInside {
        let kind =
          ["int32", "int64", "uint32", "uint64"].contains(format)
          ? "with format \(format)" : "(default format)"
        outcome.errors.append(
          .invalid(
            place(base, ""), "", "Checked value must be of type integer \(kind) in \(path)"))
      }
    }
    guard let number = value.doubleValue else { return }
    if let factor = bounds.multipleOf, factor > 0 {
      let ratio = number / factor
      if ratio != ratio.rounded() { invalid("should be a multiple of \(Self.text(factor))") }
    }
    if let maximum = bounds.maximum {
      if bounds.isMaximumExclusive, number >= maximum {
        invalid("should be less than \(Self.text(maximum))")
      } else if number > maximum {
        invalid("should be less than or equal to \(Self.text(maximum))")
      }
    }
    if let minimum = bounds.minimum {
      if bounds.isMinimumExclusive, number <= minimum {
        invalid("should be greater than \(Self.text(minimum))")
      } else if number < minimum {
        invalid("should be greater than or equal to \(Self.text(minimum))")
      }
    }
  }

  private static func text(_ number: Double) -> String { JSONValue.double(number).text }

  // MARK: Objects

  private func checkMembers(
    _ members: JSONObject, _ old: JSONValue?, _ path: String, _ base: String, _ depth: Int,
    _ outcome: inout Outcome
  ) {
    let field = place(base, path)
    if let minimum = bounds.minimumProperties, members.count < minimum {
      outcome.errors.append(
        .invalid(
          field, JSONValue(members.count),
          "\(path) in body should have at least \(minimum) properties"))
    }
    if let maximum = bounds.maximumProperties, members.count > maximum {
      outcome.errors.append(Self.tooMany(field, members.count, maximum))
    }
    for name in required where members[name] == nil {
      outcome.errors.append(.required(place(base, Self.path(path, name))))
    }
    for position in 0..<members.count {
      let name = members.keys[position]
      guard let child = member(name) else {
        if case .allowed(false)? = additionalProperties {
          outcome.errors.append(
            .invalid(
              place(base, Self.path(path, name)), "",
              "\(Self.path(path, name)) in body is a forbidden property"))
        }
        continue
      }
      outcome.add(
        child.validate(
          members.values[position], old?[name], path: Self.path(path, name), base: base,
          depth: depth + 1))
    }
  }

  // MARK: Combinations

  private func combine(
    _ value: JSONValue, _ old: JSONValue?, _ path: String, _ base: String, _ depth: Int,
    _ outcome: inout Outcome
  ) {
    func add(_ text: String) {
      outcome.errors.append(.invalid(place(base, ""), "", "\(GoFormat.quoted(path)) \(text)"))
    }
    func check(_ schema: StructuralSchema) -> Outcome {
      schema.validate(value, nil, path: path, base: base, depth: depth + 1)
    }
    if !anyOf.isEmpty {
      var best: Outcome?
      var isMet = false
      for schema in anyOf {
        let result = check(schema)
        if result.errors.isEmpty {
          isMet = true
          break
        }
        if best.map({ result.checks > $0.checks }) ?? true { best = result }
      }
      if !isMet {
        add("must validate at least one schema (anyOf)")
        if let best { outcome.add(best) }
      }
    }
    if !oneOf.isEmpty {
      var best: Outcome?
      var met = 0
      for schema in oneOf {
        let result = check(schema)
        if result.errors.isEmpty {
          met += 1
        } else if met == 0, best.map({ result.checks > $0.checks }) ?? true {
          best = result
        }
      }
      if met != 1 {
        add(
          "must validate one and only one schema (oneOf). "
            + (met == 0 ? "Found none valid" : "Found \(met) valid alternatives"))
        if met == 0, let best { outcome.add(best) }
      }
    }
    if !allOf.isEmpty {
      var met = 0
      for schema in allOf {
        let result = check(schema)
        if result.errors.isEmpty { met += 1 }
        outcome.add(result)
      }
      if met < allOf.count {
        add("must validate all the schemas (allOf)" + (met == 0 ? ". None validated" : ""))
      }
    }
    if let not, check(not).errors.isEmpty { add("must not validate the schema (not)") }
  }
}
