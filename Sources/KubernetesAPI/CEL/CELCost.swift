/// Estimates what evaluating an expression may cost at most, from the bounds that schemas declare,
/// so that a definition with rules that could take for ever is refused (KEP-2876).
struct CELCost {
  struct Estimate {
    var cost: UInt64
    /// What is known of the value.
    var value: CELDeclaration
  }

  /// Upstream's bounds on one rule, and on all rules of a schema.
  static let ruleLimit: UInt64 = 10_000_000
  static let schemaLimit: UInt64 = 100_000_000

  var variables: [String: CELDeclaration]

  static func sum(_ values: UInt64...) -> UInt64 {
    values.reduce(0) {
      let (sum, overflow) = $0.addingReportingOverflow($1)
      return overflow ? .max : sum
    }
  }

  static func product(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? .max : product
  }

  /// A tenth, rounded up: the share that going through a text costs.
  private static func traversal(_ size: UInt64) -> UInt64 { size / 10 + (size % 10 > 0 ? 1 : 0) }

  private static let simple = CELDeclaration(type: .dyn, maximumSize: 1)

  private static func text(_ size: UInt64) -> CELDeclaration {
    CELDeclaration(type: .string, maximumSize: size)
  }

  func estimate(_ expression: CELExpression) -> Estimate {
    switch expression {
    case .literal(let value):
      return Estimate(
        cost: 0,
        value: CELDeclaration(
          type: value.type, maximumSize: value.count.map { UInt64($0) } ?? 1))
    case .identifier(let name, _):
      return Estimate(cost: 1, value: variables[name] ?? Self.simple)
    case .select(let operand, let field, let test, _, _):
      let inner = estimate(operand)
      return Estimate(
        cost: Self.sum(inner.cost, 1),
        value: test ? Self.simple : Self.member(field, of: inner.value))
    case .index(let operand, let index, _, _):
      let inner = estimate(operand)
      return Estimate(
        cost: Self.sum(inner.cost, estimate(index).cost, 1),
        value: inner.value.element.first ?? Self.simple)
    case .list(let elements, _):
      let parts = elements.map { estimate($0.element) }
      return Estimate(
        cost: parts.reduce(10) { Self.sum($0, $1.cost) },
        value: CELDeclaration(
          type: .list(.dyn), maximumSize: UInt64(elements.count),
          element: parts.max { $0.value.maximumSize < $1.value.maximumSize }
            .map { [$0.value] } ?? []))
    case .map(let entries, _):
      let cost = entries.reduce(UInt64(30)) {
        Self.sum($0, estimate($1.key).cost, estimate($1.value).cost)
      }
      return Estimate(
        cost: cost,
        value: CELDeclaration(type: .map(.dyn, .dyn), maximumSize: UInt64(entries.count)))
    case .structure(_, let fields, _):
      return Estimate(
        cost: fields.reduce(40) { Self.sum($0, estimate($1.value).cost) }, value: Self.simple)
    case .comprehension(let macro, let range, let names, let filter, let body, _):
      return comprehension(macro, range, names, filter, body)
    case .call(let name, let target, let arguments, _):
      return call(name, (target.map { [$0] } ?? []) + arguments)
    }
  }

  private static func member(_ field: String, of value: CELDeclaration) -> CELDeclaration {
    if case .object(let object) = value.type { return object.fields[field] ?? simple }
    return value.element.first ?? simple
  }

  private func comprehension(
    _ macro: CELExpression.Macro, _ range: CELExpression, _ names: [String],
    _ filter: CELExpression?, _ body: CELExpression
  ) -> Estimate {
    let source = estimate(range)
    var inner = self
    if macro == .bind {
      inner.variables[names[0]] = source.value
      let result = inner.estimate(body)
      return Estimate(cost: Self.sum(source.cost, result.cost), value: result.value)
    }
    let element = source.value.element.first ?? Self.simple
    var key = element
    if case .map = source.value.type { key = Self.text(CELDeclaration.maximumRequestBytes) }
    if names.count == 2 {
      if case .list = source.value.type { key = Self.simple }
      inner.variables[names[0]] = key
      inner.variables[names[1]] = element
    } else {
      inner.variables[names[0]] = key
    }
    let step = inner.estimate(body)
    let condition = filter.map { inner.estimate($0).cost } ?? 0
    if macro == .optionalMap || macro == .optionalFlatMap {
      return Estimate(cost: Self.sum(source.cost, step.cost, 2), value: step.value)
    }
    // Each round also asks whether it is to go on, and keeps what came of it.
    let extra: UInt64 =
      switch macro {
      case .all, .exists: 3
      case .existsOne: 4
      default: 13
      }
    let round = Self.sum(step.cost, condition, extra)
    let cost = Self.sum(source.cost, Self.product(source.value.maximumSize, round), 1)
    switch macro {
    case .filter: return Estimate(cost: cost, value: source.value)
    case .map, .transformList, .transformMap:
      return Estimate(
        cost: cost,
        value: CELDeclaration(
          type: .list(step.value.type), maximumSize: source.value.maximumSize,
          element: [step.value]))
    default: return Estimate(cost: cost, value: Self.simple)
    }
  }

  private func call(_ name: String, _ arguments: [CELExpression]) -> Estimate {
    let parts = arguments.map(estimate)
    let sizes = parts.map(\.value.maximumSize)
    let spent = parts.reduce(0) { Self.sum($0, $1.cost) }
    func size(_ index: Int) -> UInt64 { sizes.indices.contains(index) ? sizes[index] : 1 }
    func result(_ cost: UInt64, _ value: CELDeclaration = Self.simple) -> Estimate {
      Estimate(cost: Self.sum(spent, cost), value: value)
    }
    switch name {
    case "_&&_", "_||_": return result(0)
    case "_?_:_":
      let branch = parts[1].cost > parts[2].cost ? parts[1] : parts[2]
      let larger = sizes[1] > sizes[2] ? parts[1].value : parts[2].value
      return Estimate(cost: Self.sum(parts[0].cost, branch.cost), value: larger)
    case "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_":
      return result(Self.traversal(min(size(0), size(1))))
    case "@in":
      // A map is asked for its key; a list is gone through.
      if case .map = parts[1].value.type { return result(1) }
      return result(max(1, size(1)))
    case "_+_":
      switch parts[0].value.type {
      case .string, .bytes:
        let size = Self.sum(size(0), size(1))
        return result(Self.traversal(size), Self.text(size))
      case .list:
        return result(
          1,
          CELDeclaration(
            type: parts[0].value.type, maximumSize: Self.sum(size(0), size(1)),
            element: parts[0].value.element))
      default: return result(1)
      }
    case "startsWith", "endsWith": return result(Self.traversal(size(1)))
    case "contains":
      return result(Self.product(Self.traversal(size(0)), Self.traversal(size(1))))
    case "matches", "find", "findAll":
      let expression = size(1) / 4 + (size(1) % 4 > 0 ? 1 : 0)
      let cost = Self.product(Self.traversal(Self.sum(size(0), 1)), max(1, expression))
      let found = Self.text(size(0))
      guard name == "findAll" else { return result(cost, found) }
      return result(
        cost, CELDeclaration(type: .list(.string), maximumSize: size(0), element: [found]))
    case "split":
      return result(
        Self.traversal(size(0)),
        CELDeclaration(
          type: .list(.string), maximumSize: size(0), element: [Self.text(size(0))]))
    case "lowerAscii", "upperAscii", "trim", "substring", "reverse", "charAt", "string",
      "strings.quote":
      return result(max(1, Self.traversal(size(0))), Self.text(size(0)))
    case "replace", "format", "join":
      let size = sizes.reduce(0) { Self.sum($0, $1) }
      return result(Self.traversal(size), Self.text(size))
    case "orValue", "or", "value", "dyn", "optional.of":
      return result(1, parts[0].value)
    case "sum", "min", "max", "isSorted":
      let element = parts[0].value.element.first ?? Self.simple
      return result(
        Self.product(size(0), max(1, Self.traversal(element.maximumSize))), element)
    case "sets.contains", "sets.intersects", "sets.equivalent":
      return result(Self.product(size(0), size(1)))
    case "size", "hasValue": return result(1)
    default:
      guard case .string? = parts.first?.value.type else { return result(1) }
      return result(max(1, Self.traversal(size(0))))
    }
  }
}
