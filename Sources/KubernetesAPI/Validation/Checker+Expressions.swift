import JSONDocument

extension Validation.Checker {
  /// Compiles an expression and adds what is wrong with it.
  ///
  /// - Parameter types: what it may come to; empty where that is left to it.
  /// - Returns: its type; nil where it can't be compiled.
  @discardableResult
  mutating func expression(
    _ source: String, _ field: String, _ environment: CELEnvironment,
    returning types: [CELType] = []
  ) -> CELType? {
    switch environment.compile(source) {
    case .problem(let problem):
      add(.invalid(field, .string(source), problem))
      return nil
    case .type(let type, _):
      guard !types.isEmpty, !types.contains(where: { Self.isOfType(type, $0) }) else { return type }
      let wanted = types.map(Self.name)
      let detail =
        wanted.count == 1
        ? "must evaluate to \(wanted[0])"
        : "must evaluate to one of [\(wanted.joined(separator: " "))]"
      add(.invalid(field, .string(source), "\(detail) but got \(Self.name(type))"))
      return nil
    }
  }

  /// An empty list is a list of anything.
  private static func isOfType(_ type: CELType, _ wanted: CELType) -> Bool {
    if case .list = wanted, type == .list(.dyn) { return true }
    return type == wanted
  }

  private static func name(_ type: CELType) -> String {
    type == .null ? "null_type" : type.description
  }

  /// Bounds of the API on a device selector.
  private static let maximumSelectorBytes = 10 * 1024
  private static let maximumSelectorCost: UInt64 = 1_000_000

  mutating func deviceSelector(_ source: String, _ field: String) {
    guard source.utf8.count <= Self.maximumSelectorBytes else {
      return add(.tooLong(field, maximumBytes: Self.maximumSelectorBytes))
    }
    switch CELEnvironment.deviceSelector.compile(source) {
    case .problem(let problem): add(.invalid(field, .string(source), problem))
    case .type(let type, _) where type != .bool && type != .dyn:
      add(
        .invalid(
          field, .string(source),
          "must evaluate to bool or the unknown type, not \(Self.name(type))"))
    case .type(_, let expression):
      let cost = CELCost(variables: ["device": CELEnvironment.device]).estimate(expression).cost
      if cost > Self.maximumSelectorCost {
        add(.forbidden(field, "too complex, exceeds cost limit"))
      }
    }
  }
}
