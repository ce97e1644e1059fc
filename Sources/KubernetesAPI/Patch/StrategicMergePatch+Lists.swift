import JSONDocument

extension StrategicMergePatch.Engine {
  /// What pairs up elements: the value of the merge key, or the value itself.
  private func identity(_ element: JSONValue, _ mergeKey: String?) -> String? {
    guard let mergeKey else { return GoFormat.text(element) }
    return element[mergeKey].map { GoFormat.text($0) }
  }

  private func required(_ element: JSONValue, _ mergeKey: String) throws(PatchError) -> String {
    guard let value = element[mergeKey] else {
      throw .directive(
        "map: \(GoFormat.text(element)) does not contain declared merge key: \(mergeKey)")
    }
    return GoFormat.text(value)
  }

  private func holdsObjects(_ lists: [JSONValue]...) -> Bool {
    for list in lists {
      if let first = list.first { return first.objectValue != nil }
    }
    return false
  }

  /// Merges a list whose patch strategy is `merge`.
  func mergeList(
    _ original: [JSONValue], _ patch: [JSONValue], field: FieldInfo?, deletes: Bool,
    ordered: Bool = true
  ) throws(PatchError) -> (elements: [JSONValue], original: [JSONValue]) {
    if original.isEmpty && patch.isEmpty { return (original, original) }
    guard holdsObjects(original, patch) else {
      var merged = original
      if deletes {
        let gone = Set(patch.map { GoFormat.text($0) })
        merged.removeAll { gone.contains(GoFormat.text($0)) }
        return (merged, original)
      }
      var seen: Set<String> = []
      merged = (original + patch).filter { seen.insert(GoFormat.text($0)).inserted }
      guard ordered else { return (merged, original) }
      return (order(merged, by: patch, server: original, mergeKey: nil), original)
    }
    guard let mergeKey = field?.mergeKey else {
      throw .directive("cannot merge lists without merge key for \(field?.name ?? "a list")")
    }
    let (remaining, changes) = try applySpecialElements(original, patch, mergeKey: mergeKey)
    var merged = remaining
    let type = elementType(of: field)
    for change in changes {
      let value = try required(change, mergeKey)
      guard case .object(let changed) = change else { continue }
      let position = merged.firstIndex { identity($0, mergeKey) == value }
      if let position, case .object(let existing) = merged[position] {
        merged[position] = .object(try mergeMap(existing, changed, type: type))
      } else {
        merged.append(withoutDirectives(change))
      }
    }
    guard ordered else { return (merged, remaining) }
    return (order(merged, by: changes, server: remaining, mergeKey: mergeKey), remaining)
  }

  /// Takes out elements with `$patch: delete`, and everything for `$patch: replace`.
  private func applySpecialElements(
    _ original: [JSONValue], _ patch: [JSONValue], mergeKey: String
  ) throws(PatchError) -> (original: [JSONValue], patch: [JSONValue]) {
    var original = original
    var changes: [JSONValue] = []
    var replaces = false
    for element in patch {
      guard case .object(var members) = element else { continue }
      guard let directive = members[StrategicMergePatch.patchDirective] else {
        changes.append(element)
        continue
      }
      switch directive {
      case "delete":
        let value = try required(element, mergeKey)
        original.removeAll { identity($0, mergeKey) == value }
      case "replace":
        replaces = true
        members[StrategicMergePatch.patchDirective] = nil
        if !members.isEmpty { changes.append(.object(members)) }
      case "merge":
        throw .directive("merging lists cannot yet be specified in the patch")
      default:
        throw .directive(
          "unknown patch type: \(GoFormat.text(directive)) in map: \(GoFormat.text(element))")
      }
    }
    return (replaces ? [] : original, changes)
  }

  /// Merges lists for which the patch gives an order, and takes both out of the patch.
  func mergeOrderedLists(
    into original: inout JSONObject, patch: inout JSONObject, type: TypeInfo?
  ) throws(PatchError) {
    let prefix = StrategicMergePatch.setElementOrderPrefix
    for (key, directive) in patch where key.hasPrefix(prefix) {
      patch[key] = nil
      let name = String(key.dropFirst(prefix.count))
      guard case .array(let wanted) = directive else {
        throw .malformed("invalid patch format of setElementOrder list")
      }
      let field = type?.field(name)
      let mergeKey = holdsObjects(wanted) ? field?.mergeKey : nil
      let existing = original[name]?.arrayValue
      let changes = patch[name]?.arrayValue
      if patch[name] != nil, changes == nil { continue }
      if let changes { try check(changes, follow: wanted, mergeKey: mergeKey) }
      patch[name] = nil
      let deleteKey = StrategicMergePatch.deleteFromPrimitiveListPrefix + name
      var merged: [JSONValue]
      switch (existing, changes) {
      case (let existing?, let changes?):
        merged = try mergeList(existing, changes, field: field, deletes: false, ordered: false)
          .elements
      case (let existing?, nil): merged = existing
      case (nil, let changes?):
        merged = withoutDirectives(.array(changes)).arrayValue ?? []
      case (nil, nil): continue
      }
      if let gone = patch[deleteKey]?.arrayValue {
        merged = try mergeList(merged, gone, field: field, deletes: true).elements
        patch[deleteKey] = nil
      }
      original[name] = .array(
        order(merged, by: wanted, server: existing ?? [], mergeKey: mergeKey))
    }
  }

  /// Elements of the patch, apart from deletions, must stand in the wanted order.
  private func check(_ changes: [JSONValue], follow wanted: [JSONValue], mergeKey: String?)
    throws(PatchError)
  {
    let present = changes.filter { $0[StrategicMergePatch.patchDirective] == nil }
    var position = 0
    for element in present {
      let value = identity(element, mergeKey)
      while position < wanted.count, identity(wanted[position], mergeKey) != value {
        position += 1
      }
      guard position < wanted.count else {
        throw .directive(
          "The order in patch list:\n\(GoFormat.text(.array(changes)))\n doesn't match "
            + "$setElementOrder list:\n\(GoFormat.text(.array(wanted)))\n")
      }
      position += 1
    }
  }

  /// Elements that the patch names take the patch's order, the rest keeps the server's; where a
  /// pair of both kinds is known to the server its order decides, else the patch's goes first.
  private func order(
    _ merged: [JSONValue], by wanted: [JSONValue], server: [JSONValue], mergeKey: String?
  ) -> [JSONValue] {
    func positions(_ list: [JSONValue]) -> [String: Int] {
      var result: [String: Int] = [:]
      for (position, element) in list.enumerated() {
        if let value = identity(element, mergeKey), result[value] == nil {
          result[value] = position
        }
      }
      return result
    }
    let wantedPositions = positions(wanted)
    let serverPositions = positions(server)
    var named: [(element: JSONValue, key: String, rank: Int)] = []
    var rest: [(element: JSONValue, key: String, rank: Int)] = []
    for element in merged {
      let key = identity(element, mergeKey) ?? ""
      if let rank = wantedPositions[key] {
        named.append((element, key, rank))
      } else {
        rest.append((element, key, serverPositions[key] ?? Int.max))
      }
    }
    // Swift's sort is stable.
    named.sort { $0.rank < $1.rank }
    rest.sort { $0.rank < $1.rank }
    var result: [JSONValue] = []
    result.reserveCapacity(merged.count)
    var left = rest.startIndex
    var right = named.startIndex
    while left < rest.endIndex, right < named.endIndex {
      if let before = serverPositions[rest[left].key],
        let after = serverPositions[named[right].key], before < after
      {
        result.append(rest[left].element)
        left += 1
      } else {
        result.append(named[right].element)
        right += 1
      }
    }
    return result + rest[left...].map(\.element) + named[right...].map(\.element)
  }
}
