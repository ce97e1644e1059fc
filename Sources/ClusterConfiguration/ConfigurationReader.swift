import Yams

/// Walks a YAML tree and collects every mistake on the way, each with its line and key.
struct ConfigurationReader {
  private(set) var problems: [ConfigurationError.Problem] = []
  private(set) var warnings: [ConfigurationError.Problem] = []

  /// A value found under a key, and where.
  struct Found<Value> {
    var value: Value
    var line: Int
    var key: String
  }

  /// One mapping of the file.
  struct Section {
    var path: String
    var line: Int
    var entries: [String: Found<Node>]

    func key(_ name: String) -> String {
      path.isEmpty ? name : "\(path).\(name)"
    }
  }

  mutating func report(_ line: Int, _ key: String, _ message: String) {
    problems.append(.init(line: line, key: key, message: message))
  }

  mutating func report<Value>(_ found: Found<Value>, _ message: String) {
    report(found.line, found.key, message)
  }

  mutating func warn(_ line: Int, _ key: String, _ message: String) {
    warnings.append(.init(line: line, key: key, message: "warning: \(message)"))
  }

  /// The mapping in `node`; keys not among `allowed` are reported. Nil where it is no mapping.
  mutating func section(_ node: Node, path: String, line: Int, allowed: [String]) -> Section? {
    guard case .mapping(let mapping) = node else {
      let hint = "expected a mapping with the keys \(allowed.joined(separator: ", "))"
      report(node.mark?.line ?? line, path, "\(Self.kind(of: node)) found; \(hint)")
      return nil
    }
    var section = Section(path: path, line: mapping.mark?.line ?? line, entries: [:])
    for (key, value) in mapping {
      let keyLine = key.mark?.line ?? section.line
      guard let name = key.scalar?.string else {
        report(keyLine, path, "a key is \(Self.kind(of: key)); expected a word")
        continue
      }
      guard allowed.contains(name) else {
        let suggestion = Suggestion.nearest(to: name, among: allowed)
        let hint =
          suggestion.map { "did you mean \($0)?" }
          ?? "allowed here: \(allowed.joined(separator: ", "))"
        report(keyLine, section.key(name), "unknown key; \(hint)")
        continue
      }
      guard !Self.isNull(value) else {
        report(keyLine, section.key(name), "has no value")
        continue
      }
      section.entries[name] = Found(value: value, line: keyLine, key: section.key(name))
    }
    return section
  }

  /// The text under `name`; nil where it is missing (a mistake if `required`) or no scalar.
  mutating func text(
    _ section: Section, _ name: String, expected: String, required: Bool = true
  ) -> Found<String>? {
    guard let entry = section.entries[name] else {
      if required { missing(section, name, expected: expected) }
      return nil
    }
    guard let scalar = entry.value.scalar else {
      report(entry, "\(Self.kind(of: entry.value)) found; expected \(expected)")
      return nil
    }
    return Found(value: scalar.string, line: scalar.mark?.line ?? entry.line, key: entry.key)
  }

  /// The text under `name` as `convert` reads it; what it can't read is a mistake.
  mutating func value<Value>(
    _ section: Section, _ name: String, expected: String, required: Bool = true,
    convert: (String) -> Value?
  ) -> Found<Value>? {
    guard let text = text(section, name, expected: expected, required: required) else {
      return nil
    }
    guard let value = convert(text.value) else {
      report(text, "\"\(Self.shortened(text.value))\" is not allowed; expected \(expected)")
      return nil
    }
    return Found(value: value, line: text.line, key: text.key)
  }

  /// The elements under `name`; empty where it is missing or no sequence.
  mutating func elements(
    _ section: Section, _ name: String, expected: String, required: Bool
  ) -> [Found<Node>] {
    guard let entry = section.entries[name] else {
      if required { missing(section, name, expected: expected) }
      return []
    }
    guard case .sequence(let sequence) = entry.value else {
      report(entry, "\(Self.kind(of: entry.value)) found; expected \(expected)")
      return []
    }
    return sequence.enumerated().map { index, node in
      Found(value: node, line: node.mark?.line ?? entry.line, key: "\(entry.key)[\(index)]")
    }
  }

  mutating func missing(_ section: Section, _ name: String, expected: String) {
    report(section.line, section.key(name), "is missing; expected \(expected)")
  }

  /// Reports each value that an earlier one already has.
  mutating func rejectDuplicates<Value: Hashable>(_ found: [Found<Value>], what: String) {
    var first: [Value: Found<Value>] = [:]
    for entry in found {
      if let earlier = first[entry.value] {
        report(
          entry, "\(what) \(entry.value) is already taken by \(earlier.key) in line \(earlier.line)"
        )
      } else {
        first[entry.value] = entry
      }
    }
  }

  private static func isNull(_ node: Node) -> Bool {
    guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else {
      return false
    }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  private static func kind(of node: Node) -> String {
    switch node {
    case .scalar(let scalar): "the value \"\(shortened(scalar.string))\""
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    }
  }

  private static func shortened(_ text: String) -> String {
    text.count <= 60 ? text : "\(text.prefix(57))..."
  }
}
