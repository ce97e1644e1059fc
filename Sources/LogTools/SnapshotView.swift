import JSONDocument
import Keyspace
import KubernetesAPI

/// `get` on the cluster as it was at a revision, printed as kubectl would.
public struct SnapshotView {
  public enum Format: String, CaseIterable, Sendable { case table, wide, yaml, json, name }

  public struct Result: Sendable {
    public var output: String
    /// For people, beside the output: that there is nothing, or what was not found.
    public var message: String?
    /// Whether an object asked for by name was not there.
    public var isMissing = false
  }

  public var source: any LogSource
  public var revision: Revision
  /// nil: all namespaces.
  public var namespace: String? = "default"
  public var selector: String?
  public var format: Format = .table

  public init(source: any LogSource, revision: Revision) {
    self.source = source
    self.revision = revision
  }

  /// `resources` are one or several with commas, or `RESOURCE/NAME`.
  public func get(resources: String, names: [String]) throws -> Result {
    var infos: [(ResourceInfo, [String])] = []
    if resources.contains("/") {
      for part in [resources] + names {
        let pieces = part.split(separator: "/", maxSplits: 1).map(String.init)
        guard pieces.count == 2 else {
          throw LogToolError("\"\(part)\" has no name; with RESOURCE/NAME every argument has one")
        }
        infos.append((try ResourceNames.find(pieces[0]), [pieces[1]]))
      }
    } else {
      for part in resources.split(separator: ",") {
        infos.append((try ResourceNames.find(String(part)), names))
      }
    }
    var result = Result(output: "")
    var all: [JSONValue] = []
    var missing: [String] = []
    for (info, names) in infos {
      var objects = try self.objects(of: info)
      if !names.isEmpty {
        let found = Dictionary(
          objects.map { ($0.at("metadata", "name")?.stringValue ?? "", $0) },
          uniquingKeysWith: { first, _ in first })
        objects = names.compactMap { found[$0] }
        missing += names.filter { found[$0] == nil }.map { name in
          let gvr = GroupVersionResource(
            group: info.group, version: info.version, resource: info.resource)
          return "\(gvr) \"\(name)\" not found at revision \(revision)"
        }
      }
      all += objects
      if format == .table || format == .wide, !objects.isEmpty {
        if !result.output.isEmpty { result.output += "\n" }
        result.output += table(objects, info: info, prefixed: infos.count > 1)
      }
    }
    switch format {
    case .table, .wide: break
    case .name:
      result.output = all.map { object in
        let kind = object["kind"]?.stringValue?.lowercased() ?? ""
        let group = (object["apiVersion"]?.stringValue ?? "").split(separator: "/")
        let suffix = group.count == 2 ? ".\(group[0])" : ""
        return "\(kind)\(suffix)/\(object.at("metadata", "name")?.stringValue ?? "")\n"
      }.joined()
    case .yaml, .json:
      let isSingle = all.count == 1 && infos.count == 1 && infos[0].1.count == 1
      let value: JSONValue =
        isSingle
        ? all[0]
        : .object([
          "apiVersion": "v1", "items": .array(all), "kind": "List",
          "metadata": ["resourceVersion": ""],
        ])
      result.output = format == .yaml ? YAMLText.render(value) : PrettyJSON.render(value) + "\n"
    }
    result.isMissing = !missing.isEmpty
    if !missing.isEmpty {
      result.message = missing.joined(separator: "\n")
    } else if all.isEmpty {
      let place = infos.contains { $0.0.namespaced } ? namespace.map { " in \($0) namespace" } : nil
      result.message = "No resources found\(place ?? "")."
      if place == nil { result.message = "No resources found" }
    }
    return result
  }

  private func objects(of info: ResourceInfo) throws -> [JSONValue] {
    let reference = ObjectReference(
      resource: ResourceNames.storageName(of: info), namespace: info.namespaced ? namespace : nil,
      name: nil)
    let labels = try selector.map { try LabelSelector(parsing: $0) }
    return try source.entries(prefix: reference.prefix, at: revision).compactMap { entry in
      guard let object = try? JSONValue(parsing: entry.value) else { return nil }
      if let labels, !labels.matches(object.at("metadata", "labels")?.objectValue) { return nil }
      return object
    }
  }

  /// Ages are counted to the moment of the revision, not to now.
  private func table(_ objects: [JSONValue], info: ResourceInfo, prefixed: Bool) -> String {
    let moment = (try? source.events(at: revision).first?.timeMilliseconds) ?? 0
    let now = Timestamp(milliseconds: Int64(clamping: moment))
    let columns = TablePrinter.columns(for: info)
    let shown = columns.indices.filter { format == .wide || columns[$0].priority == 0 }
    let withNamespace = info.namespaced && namespace == nil
    var header = shown.map { columns[$0].name.uppercased() }
    if withNamespace { header.insert("NAMESPACE", at: 0) }
    let rows = objects.map { object in
      let cells = TablePrinter.cells(for: object, resource: info, now: now)
      var row = shown.map { column in
        let cell = column < cells.count ? cells[column] : .null
        return cell.stringValue ?? (cell.isNull ? "<none>" : cell.text)
      }
      if prefixed, let first = row.first { row[0] = "\(info.singular)/\(first)" }
      if withNamespace { row.insert(object.at("metadata", "namespace")?.stringValue ?? "", at: 0) }
      return row
    }
    return ColumnText.render(header: header, rows: rows)
  }
}

/// Indented JSON, four spaces as kubectl prints it, members sorted.
public enum PrettyJSON {
  public static func render(_ value: JSONValue) -> String {
    var output = ""
    write(value, indent: 0, into: &output)
    return output
  }

  private static func write(_ value: JSONValue, indent: Int, into output: inout String) {
    let margin = String(repeating: "    ", count: indent)
    switch value {
    case .object(let object) where !object.isEmpty:
      output += "{\n"
      for (position, key) in object.keys.sorted().enumerated() {
        output += "\(margin)    \(JSONValue.string(key).text): "
        write(object[key] ?? .null, indent: indent + 1, into: &output)
        output += position < object.count - 1 ? ",\n" : "\n"
      }
      output += margin + "}"
    case .array(let array) where !array.isEmpty:
      output += "[\n"
      for (position, element) in array.enumerated() {
        output += margin + "    "
        write(element, indent: indent + 1, into: &output)
        output += position < array.count - 1 ? ",\n" : "\n"
      }
      output += margin + "]"
    default: output += value.text
    }
  }
}
