import JSONDocument

/// Selectors made ready to look at serialized objects, of which a list may pass thousands: what
/// they ask for is found in the bytes, without a tree of each object.
public struct SerializedSelector: Sendable {
  private struct Requirement: Sendable {
    var source: LabelSelector.Requirement
    var key: [UInt8]
    var values: [[UInt8]]
  }

  private static let labelsPath = [Array("metadata".utf8), Array("labels".utf8)]

  private let labels: LabelSelector?
  private let requirements: [Requirement]
  private let fields: FieldSelector?
  private let resource: ResourceInfo
  private let prefilters: [(path: [[UInt8]], value: [UInt8])]

  public init(labels: LabelSelector?, fields: FieldSelector?, resource: ResourceInfo) {
    self.labels = labels
    self.fields = fields
    self.resource = resource
    requirements = (labels?.requirements ?? []).map {
      Requirement(source: $0, key: Array($0.key.utf8), values: $0.values.map { Array($0.utf8) })
    }
    // Fields that are there under their own path and, having a value, can only be that string.
    let plain: Set<String> = ["metadata.name", "metadata.namespace", "spec.nodeName"]
    prefilters = (fields?.terms ?? [])
      .filter { !$0.negated && !$0.value.isEmpty && plain.contains($0.field) }
      .map { term in
        (term.field.split(separator: ".").map { Array($0.utf8) }, Array(term.value.utf8))
      }
  }

  /// Whether the object is selected; `nil` where only a tree of it can tell.
  public func matches(_ bytes: [UInt8]) -> Bool? {
    for filter in prefilters {
      guard let range = JSONScan.range(of: filter.path, in: bytes) else { return false }
      let text = bytes[range]
      guard !text.contains(UInt8(ascii: "\\")) else { return nil }
      if !text.dropFirst().dropLast().elementsEqual(filter.value) { return false }
    }
    if let labels {
      guard !labels.matchesNothing else { return false }
      if requirements.count == 1, let only = requirements.first {
        guard
          let isMet = Self.isMet(
            only,
            JSONScan.member(
              only.key, below: Self.labelsPath, in: bytes, candidates: only.values))
        else { return nil }
        if !isMet { return false }
      } else {
        let range = JSONScan.range(of: Self.labelsPath, in: bytes)
        for requirement in requirements {
          let member =
            range.map {
              JSONScan.member(
                requirement.key, of: $0, in: bytes, candidates: requirement.values)
            } ?? .absent
          guard let isMet = Self.isMet(requirement, member) else { return nil }
          if !isMet { return false }
        }
      }
    }
    return fields.map { $0.terms.count == prefilters.count } ?? true ? true : nil
  }

  private static func isMet(_ requirement: Requirement, _ member: JSONScan.Member) -> Bool? {
    switch (requirement.source.operator, member) {
    case (_, .other), (.greaterThan, .text), (.lessThan, .text): return nil
    case (.equals, .text(let candidate)), (.doubleEquals, .text(let candidate)),
      (.in, .text(let candidate)):
      return candidate != nil
    case (.notEquals, .text(let candidate)), (.notIn, .text(let candidate)):
      return candidate == nil
    case (.exists, .text): return true
    case (.doesNotExist, .text): return false
    case (.notEquals, .absent), (.notIn, .absent), (.doesNotExist, .absent): return true
    case (_, .absent): return false
    }
  }
}
