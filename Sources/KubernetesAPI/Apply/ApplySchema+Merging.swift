import JSONDocument

extension ApplySchema {
  /// The object with a configuration laid over it.
  func merge(_ live: JSONValue, _ configuration: JSONValue) -> JSONValue {
    merge(live, configuration, root, depth: 0)
  }

  private func merge(_ live: JSONValue?, _ wanted: JSONValue, _ id: ID, depth: Int) -> JSONValue {
    guard let live, depth < Self.maximumDepth else { return wanted }
    switch (kind(id), live, wanted) {
    case (.object, .object(let olds), _), (.deduced, .object(let olds), _):
      if wanted.isNull, !olds.isEmpty, case .object = kind(id) { return live }
      guard case .object(let news) = wanted, !(olds.isEmpty && news.isEmpty) else { return wanted }
      var result = olds
      for (name, value) in news {
        result[name] = merge(olds[name], value, member(name, of: id), depth: depth + 1)
      }
      return .object(result)
    case (.set, .array(let olds), _), (.keyed, .array(let olds), _):
      if wanted.isNull, !olds.isEmpty { return live }
      guard case .array(let news) = wanted, !(olds.isEmpty && news.isEmpty) else { return wanted }
      return .array(mergeLists(olds, news, id, depth: depth))
    default: return wanted
    }
  }

  /// The order is that of the configuration, with the elements that only the object has where they
  /// were beside the ones that both have.
  private func mergeLists(_ olds: [JSONValue], _ news: [JSONValue], _ id: ID, depth: Int)
    -> [JSONValue]
  {
    let oldElements = olds.enumerated().map { element($1, at: $0, of: id) }
    let newElements = news.enumerated().map { element($1, at: $0, of: id) }
    let known = grouped(olds, id).items
    let wanted = Set(newElements)
    var shared = newElements.filter { known[$0] != nil }[...]
    var result: [JSONValue] = []
    var (left, right) = (0, 0)

    func take(_ position: Int) {
      let element = newElements[position]
      result.append(
        merge(
          known[element]?.first, news[position], child(element, of: id), depth: depth + 1))
      if shared.first == element { shared.removeFirst() }
    }

    while left < olds.count || right < news.count {
      if left < olds.count, right < news.count {
        let element = oldElements[left]
        if element == newElements[right] {
          take(right)
          left += 1
          right += 1
          continue
        }
        if wanted.contains(element), let next = shared.first, next != element {
          // Both have it, but its turn comes later.
          left += 1
          continue
        }
      }
      if left < olds.count, !wanted.contains(oldElements[left]) {
        result.append(olds[left])
        left += 1
        continue
      }
      if right < news.count {
        take(right)
        right += 1
      } else {
        left += 1
      }
    }
    return result
  }

  /// The object without the fields of a set; what is left empty goes too.
  func removing(_ fields: FieldSet, from value: JSONValue) -> JSONValue {
    removing(fields, from: value, root) ?? .object([:])
  }

  private func removing(_ fields: FieldSet, from value: JSONValue, _ id: ID) -> JSONValue? {
    if fields.isEmpty { return value }
    switch (kind(id), value) {
    case (.object, .object(let object)), (.deduced, .object(let object)):
      if object.isEmpty { return value }
      var result = JSONObject()
      for (name, content) in object {
        let node = fields[.field(name)]
        if node.isMember { continue }
        if node.children.isEmpty {
          result[name] = content
        } else if let rest = removing(node.children, from: content, member(name, of: id)) {
          result[name] = rest
        }
      }
      return result.isEmpty ? nil : .object(result)
    case (.set, .array(let items)), (.keyed, .array(let items)):
      if items.isEmpty { return value }
      var result: [JSONValue] = []
      for (index, item) in items.enumerated() {
        let element = element(item, at: index, of: id)
        let node = fields[element]
        if node.isMember { continue }
        if node.children.isEmpty {
          result.append(item)
        } else if let rest = removing(node.children, from: item, child(element, of: id)) {
          result.append(rest)
        }
      }
      return result.isEmpty ? nil : .array(result)
    default: return value
    }
  }
}
