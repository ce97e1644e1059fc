import JSONDocument

extension FieldValidation {
  struct Walker {
    var catalogue: Catalogue
    var findings = Findings()
    /// Upstream stops counting as well.
    static let maximumFindings = 100

    mutating func object(_ value: inout JSONValue, _ type: TypeInfo, path: String)
      throws(TypeMismatch)
    {
      guard case .object(let members) = value else {
        throw mismatch(value, type.name, field: "", path: path)
      }
      value = .null
      var result = JSONObject()
      result.reserveCapacity(members.count)
      let isRoot = !type.kinds.isEmpty
      for position in 0..<members.count {
        let key = members.keys[position]
        guard let index = type.positions[key] else {
          if isRoot, key == "kind" || key == "apiVersion" {
            result[key] = members.values[position]
          } else if findings.unknown.count < Self.maximumFindings {
            findings.unknown.append(path.isEmpty ? key : "\(path).\(key)")
          }
          continue
        }
        let field = type.fields[index]
        var member = members.values[position]
        let emission = Emission.shared.fields[type.id.index][index]
        if member.isNull { continue }
        let inner = path.isEmpty ? key : "\(path).\(key)"
        try self.value(&member, field.type, owner: type, field: field, path: inner)
        if emission.dropsZero, Self.isZero(member) { continue }
        if case .array(let elements) = member, elements.isEmpty {
          // An empty list that is always written was null once stored.
          continue
        }
        result[key] = member
      }
      value = .object(result)
    }

    static func isZero(_ value: JSONValue) -> Bool {
      switch value {
      case .null: true
      case .bool(let value): !value
      case .int(let value): value == 0
      case .double(let value): value == 0
      case .string(let value): value.isEmpty
      case .array(let value): value.isEmpty
      case .object(let value): value.isEmpty
      }
    }

    private mutating func value(
      _ value: inout JSONValue, _ type: FieldType, owner: TypeInfo, field: FieldInfo, path: String
    ) throws(TypeMismatch) {
      func wrong(_ value: JSONValue) -> TypeMismatch {
        Self.mismatch(value, expected: type, owner: owner, field: field, path: path, catalogue)
      }
      switch type {
      case .string:
        guard case .string = value else { throw wrong(value) }
      case .bytes:
        guard case .string(let text) = value else { throw wrong(value) }
        guard let bytes = Base64.decode(text) else {
          throw TypeMismatch(
            message: "illegal base64 data at input byte \(Base64.firstBadByte(text))", path: path)
        }
        _ = bytes
      case .boolean:
        guard case .bool = value else { throw wrong(value) }
      case .integer(let bits):
        guard case .int(let number) = value, bits == 64 || Int32(exactly: number) != nil else {
          throw wrong(value)
        }
      case .number:
        guard value.doubleValue != nil else { throw wrong(value) }
      case .list(let element):
        guard case .array(var elements) = value else { throw wrong(value) }
        value = .null
        for index in elements.indices {
          if elements[index].isNull { elements[index] = Self.zero(of: element) }
          try self.value(
            &elements[index], element, owner: owner, field: field, path: "\(path)[\(index)]")
        }
        value = .array(elements)
      case .map(let element):
        guard case .object(var members) = value else { throw wrong(value) }
        value = .null
        for (key, member) in members {
          var member = member.isNull ? Self.zero(of: element) : member
          // Go's messages leave out the keys of maps of plain values.
          let place = element.typeID == nil ? path : "\(path).\(key)"
          try self.value(&member, element, owner: owner, field: field, path: place)
          members[key] = member
        }
        value = .object(members)
      case .type(let id):
        let target = catalogue.type(id)
        if case .object = value, let schema = Self.schemaType(behind: target, catalogue) {
          try object(&value, schema, path: path)
          return
        }
        guard let special = target.special else {
          guard case .object = value else { throw wrong(value) }
          try object(&value, target, path: path)
          return
        }
        try self.special(&value, special, path: path, wrong: wrong)
      }
    }

    /// Where a schema or something simpler may stand, an object is a schema.
    private static func schemaType(behind type: TypeInfo, _ catalogue: Catalogue) -> TypeInfo? {
      guard type.special == .any,
        type.name.hasSuffix(".JSONSchemaPropsOrBool")
          || type.name.hasSuffix(".JSONSchemaPropsOrArray")
      else { return nil }
      return catalogue.type(
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
    }

    /// What null becomes inside a list or a map.
    private static func zero(of type: FieldType) -> JSONValue {
      switch type {
      case .string, .bytes: ""
      case .boolean: false
      case .integer, .number: 0
      case .list: []
      case .map, .type: [:]
      }
    }

    private func special(
      _ value: inout JSONValue, _ special: SpecialType, path: String,
      wrong: (JSONValue) -> TypeMismatch
    ) throws(TypeMismatch) {
      switch special {
      case .quantity:
        var text: String
        switch value {
        case .string(let string): text = string
        case .double(let number): text = Quantity.text(of: number) ?? value.text
        case .int: text = value.text
        case .object(let object) where object.isEmpty: text = "0"
        default: text = value.text
        }
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        switch Quantity.parse(text) {
        case .success(let quantity): value = .string(quantity.description)
        case .failure(let problem):
          throw TypeMismatch(message: problem.rawValue, path: path)
        }
      case .time, .microTime:
        guard case .string(let text) = value else { throw wrong(value) }
        guard let time = Timestamp(parsing: text) else {
          let layout =
            special == .time
            ? "2006-01-02T15:04:05Z07:00" : "2006-01-02T15:04:05.000000Z07:00"
          throw TypeMismatch(
            message: "parsing time \(GoFormat.quoted(text)) as \(GoFormat.quoted(layout)): cannot "
              + "parse \(GoFormat.quoted(text)) as \"2006\"", path: path)
        }
        value = .string(special == .time ? time.rfc3339() : time.rfc3339Micro())
      case .intOrString:
        guard IntOrString(value) != nil else { throw wrong(value) }
      case .any: break
      case .anyObject:
        guard case .object = value else { throw wrong(value) }
      }
    }
  }
}
