/// A column of the tables that `kubectl get` asks for.
public struct TableColumn: Sendable, Hashable {
  public var name: String
  /// `string`, `integer`, `date`, `number` or `boolean`.
  public var type: String
  /// `name` for the column that names the object, else mostly empty.
  public var format: String
  public var description: String
  /// 0 is always shown; higher ones only with `-o wide`.
  public var priority: Int

  public init(
    name: String, type: String = "string", format: String = "", description: String = "",
    priority: Int = 0
  ) {
    self.name = name
    self.type = type
    self.format = format
    self.description = description
    self.priority = priority
  }
}
