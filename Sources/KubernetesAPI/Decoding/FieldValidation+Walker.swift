import JSONDocument

extension FieldValidation {
  /// Walks an object along the plan of its type and brings it into shape in place.
  struct Walker {
    let catalogue: Catalogue
    let plan: FieldPlan
    var findings = Findings()
    /// Where the walk is; made a text only where there is something to say.
    private var place: [Step] = []
    /// The members that lead to a field: the last one and its type are what a mismatch names.
    private var field = (type: 0, index: 0)

    /// Upstream stops counting as well.
    static let maximumFindings = 100

    enum Step {
      case member(String)
      case element(Int)
      /// A key of a map; Go's messages leave out those of maps of plain values.
      case key(String, isShown: Bool)
    }

    init(catalogue: Catalogue) {
      self.catalogue = catalogue
      plan = catalogue === Catalogue.shared ? .shared : FieldPlan(catalogue, Emission(catalogue))
    }

    mutating func root(_ value: inout JSONValue, _ type: TypeInfo, stored: JSONValue?)
      throws(TypeMismatch)
    {
      guard case .object = value else { throw mismatch(value, type.name) }
      try object(&value, type.id.index, stored: stored)
    }

    /// - Precondition: the value is an object.
    private mutating func object(_ value: inout JSONValue, _ type: Int, stored: JSONValue?)
      throws(TypeMismatch)
    {
      guard case .object(var members) = value else { return }
      value = .null
      try members.editAll { (key: String, member: inout JSONValue) throws(TypeMismatch) -> Bool in
        guard let index = catalogue.types[type].positions[key] else {
          if plan.isRoot[type], key == "kind" || key == "apiVersion" { return true }
          if findings.unknown.count < Self.maximumFindings {
            findings.unknown.append(path(to: key))
          }
          return false
        }
        let before = stored?[key]
        if let before, member.isIdentical(to: before) { return true }
        if case .null = member { return false }
        let facts = plan.members[type][index]
        place.append(.member(key))
        field = (type, index)
        try self.value(&member, Int(facts.node), stored: before)
        place.removeLast()
        if facts.dropsZero, Self.isZero(member) { return false }
        // An empty list that is always written was null once stored.
        if case .array(let elements) = member, elements.isEmpty { return false }
        return true
      }
      value = .object(members)
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

    private mutating func value(_ value: inout JSONValue, _ position: Int, stored: JSONValue?)
      throws(TypeMismatch)
    {
      let node = plan.nodes[position]
      switch node.shape {
      case .string:
        guard case .string = value else { throw wrong(value, position) }
      case .bytes:
        guard case .string(let text) = value else { throw wrong(value, position) }
        guard Base64.decode(text) != nil else {
          throw TypeMismatch(
            message: "illegal base64 data at input byte \(Base64.firstBadByte(text))", path: path())
        }
      case .boolean:
        guard case .bool = value else { throw wrong(value, position) }
      case .integer32:
        guard case .int(let number) = value, Int32(exactly: number) != nil else {
          throw wrong(value, position)
        }
      case .integer64:
        guard case .int = value else { throw wrong(value, position) }
      case .number:
        guard value.doubleValue != nil else { throw wrong(value, position) }
      case .list:
        guard case .array(var elements) = value else { throw wrong(value, position) }
        value = .null
        let element = Int(node.link)
        let owner = field
        for index in elements.indices {
          let before = stored?[index]
          if let before, elements[index].isIdentical(to: before) { continue }
          if case .null = elements[index] { elements[index] = zero(of: element) }
          place.append(.element(index))
          field = owner
          try self.value(&elements[index], element, stored: before)
          place.removeLast()
        }
        value = .array(elements)
      case .map:
        guard case .object(var members) = value else { throw wrong(value, position) }
        value = .null
        let element = Int(node.link)
        let owner = field
        try members.editAll { (key: String, member: inout JSONValue) throws(TypeMismatch) -> Bool in
          let before = stored?[key]
          if let before, member.isIdentical(to: before) { return true }
          if case .null = member { member = zero(of: element) }
          place.append(.key(key, isShown: node.hasTypedElements))
          field = owner
          try self.value(&member, element, stored: before)
          place.removeLast()
          return true
        }
        value = .object(members)
      case .object:
        guard case .object = value else { throw wrong(value, position) }
        try object(&value, Int(node.link), stored: stored)
      case .schemaOrAny:
        if case .object = value { try object(&value, Int(node.link), stored: stored) }
      case .any: break
      case .anyObject:
        guard case .object = value else { throw wrong(value, position) }
      case .intOrString:
        guard IntOrString(value) != nil else { throw wrong(value, position) }
      case .quantity: try quantity(&value)
      case .time, .microTime: try time(&value, position, isMicro: node.shape == .microTime)
      }
    }

    /// What null becomes inside a list or a map.
    private func zero(of element: Int) -> JSONValue {
      switch plan.nodes[element].shape {
      case .string, .bytes: ""
      case .boolean: false
      case .integer32, .integer64, .number: 0
      case .list: []
      default: [:]
      }
    }

    private func quantity(_ value: inout JSONValue) throws(TypeMismatch) {
      var text: String
      switch value {
      case .string(let string): text = string
      case .double(let number): text = Quantity.text(of: number) ?? value.text
      case .object(let object) where object.isEmpty: text = "0"
      default: text = value.text
      }
      while text.first == " " { text.removeFirst() }
      while text.last == " " { text.removeLast() }
      switch Quantity.parse(text) {
      case .success(let quantity): value = .string(quantity.description)
      case .failure(let problem): throw TypeMismatch(message: problem.rawValue, path: path())
      }
    }

    private func time(_ value: inout JSONValue, _ position: Int, isMicro: Bool)
      throws(TypeMismatch)
    {
      guard case .string(let text) = value else { throw wrong(value, position) }
      guard let time = Timestamp(parsing: text) else {
        let layout = isMicro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00"
        throw TypeMismatch(
          message: "parsing time \(GoFormat.quoted(text)) as \(GoFormat.quoted(layout)): cannot "
            + "parse \(GoFormat.quoted(text)) as \"2006\"", path: path())
      }
      value = .string(isMicro ? time.rfc3339Micro() : time.rfc3339())
    }

    private func path(to key: String? = nil) -> String {
      var text = ""
      for step in place + (key.map { [.member($0)] } ?? []) {
        switch step {
        case .element(let index): text += "[\(index)]"
        case .key(_, isShown: false): break
        case .member(let name), .key(let name, _):
          if !text.isEmpty { text += "." }
          text += name
        }
      }
      return text
    }

    private func wrong(_ value: JSONValue, _ position: Int) -> TypeMismatch {
      let owner = catalogue.types[field.type]
      return Self.mismatch(
        value, expected: fieldType(at: position, below: owner.fields[field.index].type),
        owner: owner, path: path(), catalogue)
    }

    /// The type that a node of the field's own type tree stands for.
    private func fieldType(at position: Int, below type: FieldType) -> FieldType {
      var type = type
      var node = Int(plan.members[field.type][field.index].node)
      while node != position, plan.nodes[node].shape == .list || plan.nodes[node].shape == .map {
        node = Int(plan.nodes[node].link)
        type = type.element
      }
      return type
    }
  }
}
