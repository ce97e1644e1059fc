import CYaml
import JSONDocument
import KubernetesAPI

// libyaml, which Yams brings along: Yams itself refuses keys that are there twice.

/// Reads the first document of a YAML text, as the YAML 1.1 that upstream takes: `yes` and `on` are
/// booleans, `010` is eight, aliases stand for what they name, of keys that are there twice the
/// last counts.
struct YAMLReader: ~Copyable {
  struct Document: Sendable {
    var value: JSONValue
    /// A line for each key that a mapping has more than once, in upstream's words.
    var repeated: [String]
  }

  /// What is wrong with a text, e.g. `line 3: did not find expected key`.
  struct Failure: Error, Sendable, CustomStringConvertible {
    var message: String
    var description: String { "yaml: \(message)" }
  }

  /// As deep as JSON may be.
  private static let maximumDepth = 256
  /// Nodes that a document may have with all its aliases written out; a document has no more bytes
  /// than a request, so only aliases lead beyond.
  private static let maximumNodes = 4_000_000
  /// As many lines as upstream tells of problems in JSON.
  private static let maximumRepeated = 100

  /// On the heap, since libyaml keeps its address.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private var anchors: [String: (value: JSONValue, nodes: Int)] = [:]
  private var nodes = 0
  private var repeated: [String] = []

  private init() {
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    yaml_parser_initialize(parser)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  static func read(_ bytes: some Collection<UInt8>) throws(Failure) -> Document {
    let result: Result<Document, Failure> = Array(bytes).withUnsafeBufferPointer { buffer in
      var reader = YAMLReader()
      yaml_parser_set_encoding(reader.parser, YAML_UTF8_ENCODING)
      yaml_parser_set_input_string(reader.parser, buffer.baseAddress, buffer.count)
      do throws(Failure) {
        return .success(try reader.document())
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private mutating func document() throws(Failure) -> Document {
    while true {
      var event = try next()
      defer { yaml_event_delete(&event) }
      switch event.type {
      case YAML_STREAM_START_EVENT: continue
      case YAML_DOCUMENT_START_EVENT:
        return Document(value: try node(depth: 0), repeated: repeated)
      default: return Document(value: .null, repeated: [])
      }
    }
  }

  private func next() throws(Failure) -> yaml_event_t {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
    return event
  }

  private func failure() -> Failure {
    let state = parser.pointee
    let problem =
      state.problem.map { String(cString: $0) } ?? "unknown problem parsing YAML content"
    var line = state.problem_mark.line
    if line != 0 {
      if state.error == YAML_SCANNER_ERROR { line += 1 }
    } else {
      line = state.context_mark.line
    }
    return Failure(message: line == 0 ? problem : "line \(line): \(problem)")
  }

  private mutating func node(depth: Int) throws(Failure) -> JSONValue {
    var event = try next()
    defer { yaml_event_delete(&event) }
    return try node(event, depth: depth)
  }

  private mutating func node(_ event: yaml_event_t, depth: Int) throws(Failure) -> JSONValue {
    guard depth < Self.maximumDepth else { throw Failure(message: "exceeded max depth") }
    let before = nodes
    nodes += 1
    let anchor: UnsafeMutablePointer<UInt8>?
    let value: JSONValue
    switch event.type {
    case YAML_ALIAS_EVENT:
      let name = event.data.alias.anchor.map { String(cString: $0) } ?? ""
      guard let known = anchors[name] else {
        throw Failure(message: "unknown anchor '\(name)' referenced")
      }
      nodes += known.nodes
      guard nodes <= Self.maximumNodes else {
        throw Failure(message: "document contains excessive aliasing")
      }
      return known.value
    case YAML_SCALAR_EVENT:
      anchor = event.data.scalar.anchor
      value = try Self.scalar(event)
    case YAML_SEQUENCE_START_EVENT:
      anchor = event.data.sequence_start.anchor
      value = try sequence(depth: depth)
    case YAML_MAPPING_START_EVENT:
      anchor = event.data.mapping_start.anchor
      value = try mapping(depth: depth)
    default: throw Failure(message: "did not find expected node content")
    }
    if let anchor { anchors[String(cString: anchor)] = (value, nodes - before) }
    return value
  }

  private mutating func sequence(depth: Int) throws(Failure) -> JSONValue {
    var elements: [JSONValue] = []
    while true {
      var event = try next()
      defer { yaml_event_delete(&event) }
      if event.type == YAML_SEQUENCE_END_EVENT { return .array(elements) }
      elements.append(try node(event, depth: depth + 1))
    }
  }

  private mutating func mapping(depth: Int) throws(Failure) -> JSONValue {
    var object = JSONObject()
    while true {
      var event = try next()
      defer { yaml_event_delete(&event) }
      if event.type == YAML_MAPPING_END_EVENT { return .object(object) }
      let isMerge = Self.isMerge(event)
      let key = try node(event, depth: depth + 1)
      var next = try next()
      defer { yaml_event_delete(&next) }
      let line = Int(next.start_mark.line) + 1
      let value = try node(next, depth: depth + 1)
      if isMerge {
        try merge(value, into: &object, line: line)
      } else {
        try set(value, under: key, in: &object, line: line)
      }
    }
  }

  /// `<<` brings in the members of other mappings.
  private mutating func merge(_ value: JSONValue, into object: inout JSONObject, line: Int)
    throws(Failure)
  {
    switch value {
    case .object(let members):
      for (key, member) in members { try set(member, under: .string(key), in: &object, line: line) }
    case .array(let values):
      // The first of several wins.
      for value in values.reversed() {
        guard case .object = value else { throw Self.badMerge }
        try merge(value, into: &object, line: line)
      }
    default: throw Self.badMerge
    }
  }

  private static let badMerge = Failure(
    message: "map merge requires map or sequence of maps as the value")

  private mutating func set(
    _ value: JSONValue, under key: JSONValue, in object: inout JSONObject, line: Int
  ) throws(Failure) {
    let name: String
    let shown: String
    switch key {
    case .string(let text): (name, shown) = (text, GoFormat.quoted(text))
    case .bool, .int, .double: (name, shown) = (key.text, key.text)
    default: throw Failure(message: "invalid map key: \(GoFormat.text(key))")
    }
    if object.contains(name), repeated.count < Self.maximumRepeated {
      repeated.append("line \(line): key \(shown) already set in map")
    }
    object[name] = value
  }

  // MARK: Scalars

  private static func text(_ event: yaml_event_t) -> String {
    let scalar = event.data.scalar
    return String(
      decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
  }

  private static func isMerge(_ event: yaml_event_t) -> Bool {
    event.type == YAML_SCALAR_EVENT && event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
      && event.data.scalar.tag == nil && text(event) == "<<"
  }

  private static func scalar(_ event: yaml_event_t) throws(Failure) -> JSONValue {
    let text = text(event)
    let tag = event.data.scalar.tag.map { String(cString: $0) } ?? ""
    let standard = "tag:yaml.org,2002:"
    guard tag.isEmpty || tag.hasPrefix(standard) else { return .string(text) }
    switch tag.dropFirst(standard.count) {
    case "":
      guard event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE else { return .string(text) }
      return try YAMLScalar.value(text)
    case "str", "timestamp": return .string(text)
    case "binary":
      guard let bytes = Base64.decode(text) else {
        throw Failure(message: "!!binary value contains invalid base64 data")
      }
      return .string(String(decoding: bytes, as: UTF8.self))
    default: return try YAMLScalar.value(text)
    }
  }
}
