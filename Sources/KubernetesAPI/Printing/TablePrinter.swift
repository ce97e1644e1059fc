import JSONDocument

/// Turns objects into the tables that `kubectl get` shows, cells as upstream's printers fill them.
public enum TablePrinter {
  /// How much of each object a table carries besides its cells.
  public enum IncludeObject: String, Sendable, Hashable {
    case none = "None"
    /// Only metadata, as a `PartialObjectMetadata`: the default.
    case metadata = "Metadata"
    case object = "Object"

    /// The value of the query parameter; empty means metadata.
    ///
    /// - Throws: BadRequest for anything else.
    public init(parsing text: String) throws(APIStatus) {
      guard let value = text.isEmpty ? .metadata : IncludeObject(rawValue: text) else {
        throw .badRequest(
          "Unable to convert to Table as requested: includeObject: Invalid value: "
            + "\(GoFormat.quoted(text)): must be 'Metadata', 'Object', 'None', or empty")
      }
      self = value
    }
  }

  /// Name and age: for kinds without a printer of their own.
  static let plainColumns = [
    TableColumn(name: "Name", format: "name"), TableColumn(name: "Age"),
  ]

  public static func columns(for resource: ResourceInfo, catalogue: Catalogue = .shared)
    -> [TableColumn]
  {
    if let custom = resource.custom { return custom.tableColumns }
    let columns =
      catalogue.columns(
        group: resource.group, version: resource.version, resource: resource.resource)
      ?? plainColumns
    return columns.map { column in
      var column = column
      column.description = description(of: column, kind: resource.kind)
      return column
    }
  }

  static func description(of column: TableColumn, kind: String) -> String {
    switch column.name {
    case "Name": "The name of the \(kind), unique within its namespace or the cluster."
    case "Age": "How long ago the \(kind) was created."
    case "Created At": "When the \(kind) was created."
    default: "\(column.name) of the \(kind)."
    }
  }

  /// As many cells as there are columns.
  public static func cells(
    for object: JSONValue, resource: ResourceInfo, now: Timestamp, catalogue: Catalogue = .shared
  ) -> [JSONValue] {
    if let custom = resource.custom { return custom.cells(object, now: now) }
    let columns =
      catalogue.columns(
        group: resource.group, version: resource.version, resource: resource.resource)
      ?? plainColumns
    let row = Row(object, now: now)
    if let printer = printers["\(resource.group)/\(resource.kind)"] {
      let cells = printer(row)
      // Upstream's IPAddress has an age that no column names.
      if cells.count >= columns.count { return cells }
    }
    return columns.map { column in
      switch column.name {
      case "Name": .string(row.name)
      case "Age": .string(row.age)
      case "Created At": .string(row.created)
      default: "<unknown>"
      }
    }
  }

  public static func table(
    objects: [JSONValue], resource: ResourceInfo, includeObject: IncludeObject = .metadata,
    resourceVersion: String, continue continueToken: String = "", remainingItemCount: Int64? = nil,
    now: Timestamp, version: String = "v1"
  ) -> JSONValue {
    var metadata: JSONObject = ["resourceVersion": .string(resourceVersion)]
    if !continueToken.isEmpty { metadata["continue"] = .string(continueToken) }
    if let remainingItemCount { metadata["remainingItemCount"] = .int(remainingItemCount) }
    return [
      "kind": "Table", "apiVersion": .string("meta.k8s.io/\(version)"),
      "metadata": .object(metadata), "columnDefinitions": columnDefinitions(for: resource),
      "rows": .array(
        objects.map {
          row(
            for: $0, resource: resource, includeObject: includeObject, now: now, version: version)
        }),
    ]
  }

  public static func columnDefinitions(for resource: ResourceInfo) -> JSONValue {
    definitions(columns(for: resource))
  }

  static func definitions(_ columns: [TableColumn]) -> JSONValue {
    .array(
      columns.map {
        [
          "name": .string($0.name), "type": .string($0.type), "format": .string($0.format),
          "description": .string($0.description), "priority": JSONValue($0.priority),
        ]
      })
  }

  /// One row, as watches of tables send them one by one.
  public static func row(
    for object: JSONValue, resource: ResourceInfo, includeObject: IncludeObject = .metadata,
    now: Timestamp, version: String = "v1"
  ) -> JSONValue {
    var row: JSONObject = ["cells": .array(cells(for: object, resource: resource, now: now))]
    if let condition = completion(of: object, resource: resource) {
      row["conditions"] = [condition]
    }
    switch includeObject {
    case .none: row["object"] = .null
    case .metadata:
      row["object"] = partialMetadata(of: object, resource: resource, version: version)
    case .object:
      var full = object
      if full["apiVersion"] == nil { full["apiVersion"] = .string(resource.apiVersion) }
      if full["kind"] == nil { full["kind"] = .string(resource.kind) }
      row["object"] = full
    }
    return .object(row)
  }

  /// The `PartialObjectMetadata` of an object.
  public static func partialMetadata(
    of object: JSONValue, resource: ResourceInfo, version: String = "v1"
  ) -> JSONValue {
    var metadata = object["metadata"] ?? [:]
    if resource.kind == "DaemonSet", resource.group == "apps" {
      // A field of upstream's internal form, which only the whole object shows as an annotation.
      metadata.set(nil, at: "annotations", "deprecated.daemonset.template.generation")
      if metadata["annotations"] == [:] { metadata["annotations"] = nil }
    }
    return [
      "kind": "PartialObjectMetadata", "apiVersion": .string("meta.k8s.io/\(version)"),
      "metadata": metadata,
    ]
  }

  /// kubectl leaves finished pods out of some lists by this condition.
  private static func completion(of object: JSONValue, resource: ResourceInfo) -> JSONValue? {
    guard resource.kind == "Pod", resource.group.isEmpty else { return nil }
    switch object.at("status", "phase") {
    case "Succeeded":
      return [
        "type": "Completed", "status": "True", "reason": "Succeeded",
        "message": "The pod ran to its end.",
      ]
    case "Failed":
      return [
        "type": "Completed", "status": "True", "reason": "Failed",
        "message": "The pod ended with a failure.",
      ]
    default: return nil
    }
  }

  typealias Printer = @Sendable (Row) -> [JSONValue]

  /// By group and kind.
  static let printers: [String: Printer] = {
    var printers: [String: Printer] = ["/Pod": podCells]
    for table in [corePrinters, workloadPrinters, networkPrinters, otherPrinters] {
      printers.merge(table) { first, _ in first }
    }
    return printers
  }()
}
