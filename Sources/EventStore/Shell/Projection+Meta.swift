extension Projection {
  /// Reads whose state a database file holds, and as of when.
  static func meta(of path: String) throws(ProjectionError) -> ProjectionMeta {
    try ProjectionMeta.read(SQLiteConnection(path: path, mode: .readOnly))
  }
}
