import JSONDocument

extension FieldManager {
  /// `managedFields` of an object that one write made; nil where it set nothing that can be owned.
  func firstFields(of object: JSONValue, _ write: Write, ownedSpec: JSONValue? = nil)
    -> JSONValue?
  {
    let fields = fieldsOfCreation(object, ownedSpec: ownedSpec)
    guard !fields.isEmpty else { return nil }
    return .array([
      ManagedFields.encode(
        ManagedFields.Manager(
          name: write.manager, applies: false, apiVersion: write.apiVersion,
          subresource: write.subresource), apiVersion: write.apiVersion, time: write.time,
        fields: .object(fields))
    ])
  }

  /// What one write owns of an object that it made, as `fieldsV1`: what comparing the object with an
  /// empty one comes to, in one walk and without sets, since every creation needs it.
  ///
  /// - Parameter object: without `managedFields`.
  func fieldsOfCreation(_ object: JSONValue, ownedSpec: JSONValue? = nil) -> JSONObject {
    guard let members = object.objectValue else { return [:] }
    let walk = CreatedFields(schema: schema, ownedSpec: ownedSpec)
    return walk.given(
      members, before: empty.objectValue ?? [:], schema.root, ignored: ignored,
      unowned: Self.unowned)
  }
}

private struct CreatedFields {
  let schema: ApplySchema
  let ownedSpec: JSONValue?

  private static let itself = "."

  /// Members of an object that was there, empty or with `before`.
  func given(
    _ object: JSONObject, before: JSONObject, _ id: ApplySchema.ID, depth: Int = 0,
    ignored: FieldSet, unowned: FieldSet
  ) -> JSONObject {
    let fills = schema.fills[id] ?? [:]
    var result = JSONObject()
    for position in object.sortedPositions {
      let (name, value) = (object.keys[position], object.values[position])
      if depth == 0, let ownedSpec, name == "spec" {
        result.append(new: "f:spec", ownedSpec)
        continue
      }
      let element = PathElement.field(name)
      let left = ignored[element]
      if left.isMember { continue }
      let nobody = unowned[element]
      let member = schema.member(name, of: id)
      var children = JSONObject()
      var isOwned = false
      if let old = before[name] ?? fills[name] {
        if old == value { continue }
        switch (schema.kind(member), value) {
        case (.object, .object(let object)) where !object.isEmpty,
          (.deduced, .object(let object)) where !object.isEmpty:
          children = given(
            object, before: old.objectValue ?? [:], member, depth: depth + 1,
            ignored: left.children, unowned: nobody.children)
        case (.set, .array(let items)) where !items.isEmpty,
          (.keyed, .array(let items)) where !items.isEmpty:
          // No field is filled with items.
          children = added(
            value, member, depth: depth + 1, ignored: left.children, unowned: nobody.children)
        default: isOwned = true
        }
      } else {
        children = added(
          value, member, depth: depth + 1, ignored: left.children, unowned: nobody.children)
        isOwned = true
      }
      isOwned = isOwned && !nobody.isMember
      if !isOwned && children.isEmpty { continue }
      result.append(new: "f:" + name, Self.node(isOwned: isOwned, children))
    }
    return result
  }

  /// What lies below a value that is new altogether.
  private func added(
    _ value: JSONValue, _ id: ApplySchema.ID, depth: Int, ignored: FieldSet = FieldSet(),
    unowned: FieldSet = FieldSet()
  ) -> JSONObject {
    var result = JSONObject()
    guard depth < ApplySchema.maximumDepth else { return result }
    func add(_ element: PathElement, _ value: JSONValue?, _ member: ApplySchema.ID) {
      let left = ignored.isEmpty ? FieldSet.Node() : ignored[element]
      if left.isMember { return }
      let nobody = unowned.isEmpty ? FieldSet.Node() : unowned[element]
      let children =
        value.map {
          added(
            $0, member, depth: depth + 1, ignored: left.children, unowned: nobody.children)
        } ?? [:]
      if nobody.isMember && children.isEmpty { return }
      result.append(new: element.encoded, Self.node(isOwned: !nobody.isMember, children))
    }
    switch (schema.kind(id), value) {
    case (.object, .object(let object)), (.deduced, .object(let object)):
      result.reserveCapacity(object.count + 1)
      for position in object.sortedPositions {
        let name = object.keys[position]
        add(.field(name), object.values[position], schema.member(name, of: id))
      }
    case (.set, .array(let items)), (.keyed, .array(let items)):
      if items.count == 1 {
        let element = schema.element(items[0], at: 0, of: id)
        add(element, items[0], schema.child(element, of: id))
        break
      }
      let groups = schema.grouped(items, id)
      for element in groups.order.sorted(by: { PathElement.order($0, $1) < 0 }) {
        let items = groups.items[element] ?? []
        add(element, items.count == 1 ? items[0] : nil, schema.child(element, of: id))
      }
    default: break
    }
    return result
  }

  private static func node(isOwned: Bool, _ children: JSONObject) -> JSONValue {
    guard isOwned, !children.isEmpty else { return .object(children) }
    var node = JSONObject()
    node.reserveCapacity(children.count + 1)
    node.append(new: itself, .object([:]))
    for (name, value) in children { node.append(new: name, value) }
    return .object(node)
  }
}
