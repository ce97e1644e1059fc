import Yams

extension ClusterConfiguration {
  /// Reads `nodes` and gives each an address and, where it names none, a free pod range.
  static func readNodes(
    _ top: ConfigurationReader.Section, podRange: IPv4Range?, nodeNetwork: IPv4Range?,
    reader: inout ConfigurationReader
  ) -> [Node] {
    let elements = reader.elements(
      top, "nodes", expected: "a list of nodes, each with a name", required: false)
    if elements.count > maximumNodes {
      reader.report(
        top.entries["nodes"]?.line ?? top.line, "nodes",
        "\(elements.count) nodes; expected at most \(maximumNodes)")
      return []
    }
    var drafts: [Draft] = []
    for element in elements {
      if let draft = readNode(element, podRange: podRange, reader: &reader) {
        drafts.append(draft)
      }
    }
    reader.rejectDuplicates(drafts.map(\.name), what: "the name")
    let named = drafts.compactMap(\.podRange)
    for (index, later) in named.enumerated() {
      for earlier in named[..<index] where later.value.overlaps(earlier.value) {
        reader.report(later, "\(later.value) overlaps \(earlier.key) \(earlier.value)")
      }
    }
    guard let podRange, let nodeNetwork else { return [] }
    return resolve(drafts, podRange: podRange, nodeNetwork: nodeNetwork, reader: &reader)
  }

  private struct Draft {
    var name: ConfigurationReader.Found<String>
    var podRange: ConfigurationReader.Found<IPv4Range>?
    var labels: [String: String]
  }

  private static func readNode(
    _ element: ConfigurationReader.Found<Yams.Node>, podRange: IPv4Range?,
    reader: inout ConfigurationReader
  ) -> Draft? {
    guard
      let section = reader.section(
        element.value, path: element.key, line: element.line,
        allowed: ["name", "podRange", "labels"])
    else { return nil }
    let name = reader.value(
      section, "name",
      expected: "a name of lower-case letters, digits and -, at most 63 characters"
    ) { DNSLabel.isValid($0) ? $0 : nil }
    let inside = podRange.map { " inside \($0)" } ?? ""
    let range = reader.value(
      section, "podRange",
      expected: "a range of addresses\(inside), from /\(20) to /28, such as 10.244.1.0/24",
      required: false
    ) { text -> IPv4Range? in
      guard let range = IPv4Range(text), (20...28).contains(range.prefixLength),
        podRange?.contains(range) ?? true
      else { return nil }
      return range
    }
    var labels: [String: String] = [:]
    if let entry = section.entries["labels"] {
      labels = readLabels(entry, reader: &reader)
    }
    guard let name else { return nil }
    return Draft(name: name, podRange: range, labels: labels)
  }

  private static func readLabels(
    _ entry: ConfigurationReader.Found<Yams.Node>, reader: inout ConfigurationReader
  ) -> [String: String] {
    guard case .mapping(let mapping) = entry.value else {
      reader.report(entry, "expected a mapping of label to value, such as disk: fast")
      return [:]
    }
    var labels: [String: String] = [:]
    for (key, value) in mapping {
      let line = key.mark?.line ?? entry.line
      guard let name = key.scalar?.string, let text = value.scalar?.string else {
        reader.report(line, entry.key, "a label must be a word with a word as its value")
        continue
      }
      guard Label.isValidKey(name) else {
        reader.report(
          line, "\(entry.key).\(name)",
          "not a label; expected [PREFIX/]NAME, the name of letters, digits, -, _ and ., at most 63"
        )
        continue
      }
      guard Label.isValidValue(text) else {
        reader.report(
          line, "\(entry.key).\(name)",
          "\"\(text)\" is not a label's value; expected letters, digits, -, _ and ., at most 63")
        continue
      }
      labels[name] = text
    }
    return labels
  }

  private static func resolve(
    _ drafts: [Draft], podRange: IPv4Range, nodeNetwork: IPv4Range,
    reader: inout ConfigurationReader
  ) -> [Node] {
    var taken = drafts.compactMap { $0.podRange?.value }
    var candidate: UInt32 = 1  // The first /24 stays free, so that node N gets .N. by itself.
    var nodes: [Node] = []
    for (index, draft) in drafts.enumerated() {
      // The broadcast address is the last and no node's.
      guard let address = nodeNetwork.address(UInt32(11 + index)), address < nodeNetwork.last
      else {
        reader.report(draft.name, "nodeNetwork \(nodeNetwork) has no address left for this node")
        continue
      }
      var range = draft.podRange?.value
      while range == nil,
        let next = podRange.subrange(candidate, prefixLength: nodePodPrefixLength)
      {
        candidate += 1
        if !taken.contains(where: { $0.overlaps(next) }) {
          range = next
          taken.append(next)
        }
      }
      guard let range else {
        reader.report(draft.name, "podRange \(podRange) has no /24 left for this node")
        continue
      }
      nodes.append(
        Node(name: draft.name.value, address: address, podRange: range, labels: draft.labels))
    }
    return nodes
  }
}

/// The form of Kubernetes labels.
enum Label {
  static func isValidKey(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let name = parts.last, parts.count <= 2, !name.isEmpty, isValidValue(String(name)) else {
      return false
    }
    guard parts.count == 2, let prefix = parts.first else { return true }
    return prefix.utf8.count <= 253
      && prefix.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
        DNSLabel.isValid($0)
      }
  }

  static func isValidValue(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
    }
    guard let first = bytes.first, let last = bytes.last else { return true }
    return bytes.count <= 63 && isAlphanumeric(first) && isAlphanumeric(last)
      && bytes.allSatisfy { isAlphanumeric($0) || [45, 46, 95].contains($0) }
  }
}
