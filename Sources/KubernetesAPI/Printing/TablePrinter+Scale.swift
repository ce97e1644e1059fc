import JSONDocument

extension TablePrinter {
  static let scaleColumns = [
    TableColumn(name: "Name"), TableColumn(name: "Desired", type: "integer"),
    TableColumn(name: "Available", type: "integer"), TableColumn(name: "Age"),
  ]

  /// A `Scale` as a table: of a subresource, so that no resource has these columns.
  ///
  /// - Parameter resource: the one whose subresource it is.
  public static func table(
    scale: JSONValue, resource: ResourceInfo, includeObject: IncludeObject = .metadata,
    now: Timestamp, version: String = "v1"
  ) -> JSONValue {
    let row = Row(scale, now: now)
    var table = table(
      objects: [scale], resource: resource, includeObject: includeObject,
      resourceVersion: row.string("metadata", "resourceVersion"), now: now, version: version)
    table["columnDefinitions"] = definitions(
      scaleColumns.map { column in
        var column = column
        column.description = description(of: column, kind: "Scale")
        return column
      })
    guard var printed = table["rows"]?[0] else { return table }
    printed["cells"] = [
      .string(row.name), .int(row.int("spec", "replicas")), .int(row.int("status", "replicas")),
      .string(row.age),
    ]
    printed["conditions"] = nil
    table["rows"] = [printed]
    return table
  }
}
