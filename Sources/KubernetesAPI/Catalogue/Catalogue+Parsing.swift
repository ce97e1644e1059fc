import JSONDocument

/// Walks a table byte by byte: the tables are a few hundred KB and parsed at every start.
struct TableReader {
  private let text: UnsafeBufferPointer<UInt8>
  private var position = 0

  init(_ table: StaticString) {
    text = UnsafeBufferPointer(start: table.utf8Start, count: table.utf8CodeUnitCount)
  }

  /// The cells of the next line; nil after the last.
  mutating func next() -> [Substring]? {
    guard position < text.count else { return nil }
    var end = position
    while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
    var cells: [Substring] = []
    cells.reserveCapacity(8)
    var start = position
    for offset in position...end where offset == end || text[offset] == UInt8(ascii: "\t") {
      cells.append(Substring(decoding: text[start..<offset], as: UTF8.self))
      start = offset + 1
    }
    position = end + 1
    return cells
  }
}

extension Catalogue {
  private static func list(_ cell: Substring) -> [String] {
    cell == "-" ? [] : cell.split(separator: ",").map(String.init)
  }

  private static func optional(_ cell: Substring) -> String { cell == "-" ? "" : String(cell) }

  private static func groupVersion(_ cell: Substring) -> (group: String, version: String) {
    let parts = cell.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 ? (String(parts[0]), String(parts[1])) : ("", String(cell))
  }

  static func parseResources() -> [ResourceInfo] {
    var reader = TableReader(CatalogueTables.resources)
    var resources: [ResourceInfo] = []
    while let cells = reader.next() {
      guard cells.count >= 12 else { continue }
      let group = optional(cells[0])
      let version = String(cells[1])
      if let slash = cells[2].firstIndex(of: "/") {
        var kindGroupVersion = (group, version)
        if cells[9] != "-" { kindGroupVersion = groupVersion(cells[9]) }
        let parent = cells[2][..<slash]
        let subresource = SubresourceInfo(
          name: String(cells[2][cells[2].index(after: slash)...]), kind: String(cells[3]),
          group: kindGroupVersion.0, version: kindGroupVersion.1, verbs: list(cells[5]))
        if let position = resources.lastIndex(where: {
          $0.resource == parent && $0.group == group && $0.version == version
        }) {
          resources[position].subresources.append(subresource)
        }
        continue
      }
      let storage = groupVersion(cells[10])
      resources.append(
        ResourceInfo(
          group: group, version: version, resource: String(cells[2]), kind: String(cells[3]),
          singular: optional(cells[6]), shortNames: list(cells[7]), categories: list(cells[8]),
          namespaced: cells[4] == "namespaced", verbs: list(cells[5]),
          storageGVR: GroupVersionResource(
            group: storage.group, version: storage.version, resource: String(cells[2])),
          storageVersionHash: optional(cells[11])))
    }
    return resources
  }

  static func parseColumns() -> [Key: [TableColumn]] {
    var reader = TableReader(CatalogueTables.columns)
    var columns: [Key: [TableColumn]] = [:]
    while let cells = reader.next() {
      guard cells.count >= 7 else { continue }
      let key = Key(
        group: optional(cells[0]), version: String(cells[1]), name: String(cells[2]))
      columns[key, default: []].append(
        TableColumn(
          name: String(cells[3]), type: String(cells[4]), format: optional(cells[5]),
          priority: Int(cells[6]) ?? 0))
    }
    return columns
  }

  static func parseTypes() -> [TypeInfo] {
    var types: [TypeInfo] = []
    var ids: [String: TypeID] = [:]
    types.reserveCapacity(600)
    // Names first, since types refer to each other both ways.
    var pending: [(type: Int, cells: [Substring])] = []
    pending.reserveCapacity(2600)
    for table in CatalogueTables.types {
      var reader = TableReader(table)
      while let cells = reader.next() {
        guard cells.count >= 3 else { continue }
        if cells[0].isEmpty {
          pending.append((types.count - 1, cells))
          continue
        }
        let name = expand(cells[0])
        let id = TypeID(index: types.count)
        ids[name] = id
        var type = TypeInfo(id: id, name: name, special: special(name))
        for kind in cells[2].split(separator: ";") {
          let parts = kind.split(separator: "/", omittingEmptySubsequences: false)
          guard parts.count == 3 else { continue }
          type.kinds.append(
            TypeInfo.GroupVersionKind(
              group: String(parts[0]), version: String(parts[1]), kind: String(parts[2])))
        }
        types.append(type)
      }
    }
    for (position, cells) in pending where cells.count >= 5 && position >= 0 {
      var field = FieldInfo(
        name: String(cells[1]), type: fieldType(cells[2], ids),
        protobufPath: cells[3].split(separator: ".").compactMap { Int($0) })
      for marker in cells[4].split(separator: ";") { apply(marker, to: &field) }
      types[position].positions[field.name] = types[position].fields.count
      types[position].protobuf.insert(
        types[position].fields.count, at: field.protobufPath[...])
      types[position].fields.append(field)
    }
    return types
  }

  private static func expand(_ name: Substring) -> String {
    guard name.first == "%" else { return String(name) }
    for entry in CatalogueTables.prefixes where name.hasPrefix(entry.mark) {
      return entry.prefix + name.dropFirst(entry.mark.count)
    }
    return String(name)
  }

  private static func special(_ name: String) -> SpecialType? {
    switch name {
    case "io.k8s.apimachinery.pkg.api.resource.Quantity": .quantity
    case "io.k8s.apimachinery.pkg.apis.meta.v1.Time": .time
    case "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": .microTime
    case "io.k8s.apimachinery.pkg.util.intstr.IntOrString": .intOrString
    case "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
      "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
      "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
      "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray":
      .any
    case "io.k8s.apimachinery.pkg.runtime.RawExtension",
      "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1":
      .anyObject
    default: nil
    }
  }

  private static func fieldType(_ text: Substring, _ ids: [String: TypeID]) -> FieldType {
    if text.hasPrefix("[]") { return .list(fieldType(text.dropFirst(2), ids)) }
    if text.hasPrefix("map:") { return .map(fieldType(text.dropFirst(4), ids)) }
    switch text {
    case "string": return .string
    case "string:byte": return .bytes
    case "boolean": return .boolean
    case "integer:int32": return .integer(bits: 32)
    case "integer:int64": return .integer(bits: 64)
    case "number:double": return .number
    default:
      let name = expand(text)
      guard let id = ids[name] else {
        preconditionFailure("the catalogue's tables name an unknown type \(name)")
      }
      return .type(id)
    }
  }

  private static func apply(_ marker: Substring, to field: inout FieldInfo) {
    let value = String(marker.dropFirst())
    switch marker.first {
    case "!": field.required = true
    case "l": field.listType = ListType(rawValue: value)
    case "k": field.listMapKeys = value.split(separator: ",").map(String.init)
    case "m": field.mapType = value
    case "s": field.patchStrategies = value.split(separator: ",").map(String.init)
    case "p": field.mergeKey = value
    case "d": field.defaultValue = try? JSONValue(parsing: value)
    default: preconditionFailure("the catalogue's tables hold an unknown marker \(marker)")
    }
  }
}
