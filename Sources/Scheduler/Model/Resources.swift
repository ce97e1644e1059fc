import JSONDocument
import KubernetesAPI

/// Amounts of resources: CPU in thousandths of a core, the rest in bytes or pieces.
public struct Resources: Sendable, Hashable {
  public var milliCPU: Int64 = 0
  public var memory: Int64 = 0
  public var ephemeralStorage: Int64 = 0
  /// E.g. `example.com/gpu`, `hugepages-2Mi`.
  public var extended: [String: Int64] = [:]

  public init() {}

  /// Reads a list of quantities; what is no quantity counts as nothing.
  public init(_ list: JSONObject?) {
    for (name, value) in list ?? [:] {
      let text = value.stringValue ?? value.intValue.map { String($0) } ?? ""
      guard let quantity = Quantity(parsing: text) else { continue }
      set(name, quantity)
    }
  }

  mutating func set(_ name: String, _ quantity: Quantity) {
    switch name {
    case "cpu": milliCPU = quantity.milliValue
    case "memory": memory = quantity.value
    case "ephemeral-storage": ephemeralStorage = quantity.value
    case "pods": break
    default: extended[name] = quantity.value
    }
  }

  private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? (right > 0 ? .max : .min) : sum
  }

  mutating func add(_ other: Resources, sign: Int64 = 1) {
    milliCPU = Self.sum(milliCPU, sign &* other.milliCPU)
    memory = Self.sum(memory, sign &* other.memory)
    ephemeralStorage = Self.sum(ephemeralStorage, sign &* other.ephemeralStorage)
    for (name, amount) in other.extended {
      extended[name] = Self.sum(extended[name] ?? 0, sign &* amount)
    }
  }
}
