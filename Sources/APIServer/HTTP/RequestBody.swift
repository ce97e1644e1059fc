import JSONDocument
import KubernetesAPI
import NIOCore
import Yams

/// Reads the body of a request, JSON or YAML, into a tree.
enum RequestBody {
  struct Parsed {
    var value: JSONValue
    /// Paths of members that an object has more than once.
    var duplicates: [String]
  }

  static func parse(
    _ request: APIRequest, kind: String, findDuplicates: Bool = true
  ) throws(APIStatus) -> Parsed {
    let type = MediaType(request.headers.first(name: "content-type") ?? "").type
    switch type {
    case "", "application/json": break
    case "application/yaml":
      return Parsed(value: try yaml(request.body, kind: kind), duplicates: [])
    case "application/vnd.kubernetes.protobuf":
      do throws(ProtobufError) {
        return Parsed(
          value: try ProtobufDecoder.decode(Array(request.body.readableBytesView)), duplicates: [])
      } catch {
        throw .badRequest("the object provided is unrecognized (must be of type \(kind)): \(error)")
      }
    default:
      throw APIStatus(
        code: 415, reason: "UnsupportedMediaType",
        message: "the body of the request was in an unknown format - accepted media types "
          + "include: application/json, application/yaml, application/vnd.kubernetes.protobuf")
    }
    return try json(request.body, kind: kind, findDuplicates: findDuplicates)
  }

  static func json(_ body: ByteBuffer, kind: String, findDuplicates: Bool) throws(APIStatus)
    -> Parsed
  {
    do throws(JSONError) {
      let result = try JSONValue.parse(body.readableBytesView, findDuplicates: findDuplicates)
      return Parsed(value: result.value, duplicates: result.duplicates)
    } catch {
      throw .badRequest(
        "the object provided is unrecognized (must be of type \(kind)): couldn't get "
          + "version/kind; json parse error: \(error)")
    }
  }

  static func yaml(_ body: ByteBuffer, kind: String) throws(APIStatus) -> JSONValue {
    let text = String(buffer: body)
    do {
      guard let node = try Yams.compose(yaml: text) else { return .null }
      return try value(of: node, depth: 0)
    } catch let status as APIStatus {
      throw status
    } catch {
      throw .badRequest(
        "the object provided is unrecognized (must be of type \(kind)): "
          + "yaml parse error: \(error)")
    }
  }

  private static func value(of node: Node, depth: Int) throws(APIStatus) -> JSONValue {
    guard depth < 256 else { throw .badRequest("the YAML is nested too deeply") }
    switch node {
    case .mapping(let mapping):
      var object = JSONObject()
      for (key, child) in mapping {
        object[try name(of: key)] = try value(of: child, depth: depth + 1)
      }
      return .object(object)
    case .sequence(let sequence):
      var values: [JSONValue] = []
      for child in sequence { values.append(try value(of: child, depth: depth + 1)) }
      return .array(values)
    case .scalar(let scalar):
      guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
      if node.null != nil { return .null }
      if let flag = flag(scalar.string) ?? node.bool { return .bool(flag) }
      if let number = node.int { return .int(Int64(number)) }
      if let number = node.float, number.isFinite { return .double(number) }
      return .string(scalar.string)
    case .alias: throw .badRequest("YAML aliases are not taken")
    }
  }

  /// YAML 1.1, which upstream reads, has single letters for yes and no.
  private static func flag(_ text: String) -> Bool? {
    switch text {
    case "y", "Y": true
    case "n", "N": false
    default: nil
    }
  }

  /// Keys are texts; what would be another value is written as that value is.
  private static func name(of key: Node) throws(APIStatus) -> String {
    guard case .scalar = key else { throw .badRequest("a key of the YAML is no string") }
    let value = try value(of: key, depth: 0)
    return value.stringValue ?? value.text
  }

  /// A text, in quotes where it would be read as something else.
  private static func textNode(_ text: String) -> Node {
    let plain = Node(text)
    let isPlain =
      plain.null == nil && plain.bool == nil && plain.int == nil && plain.float == nil
      && plain.timestamp == nil && flag(text) == nil
    return Node(text, Tag(.str), isPlain ? .any : .doubleQuoted)
  }

  /// A tree as YAML, keys in their order.
  static func yamlBytes(of value: JSONValue) -> [UInt8] {
    func node(_ value: JSONValue) -> Node {
      switch value {
      case .null: Node("null", Tag(.null), .plain)
      case .bool(let flag): Node(flag ? "true" : "false", Tag(.bool), .plain)
      case .int(let number): Node(String(number), Tag(.int), .plain)
      case .double: Node(value.text, Tag(.float), .plain)
      case .string(let text): textNode(text)
      case .array(let values): Node(values.map(node), Tag(.seq))
      case .object(let object):
        Node(object.map { (textNode($0), node($1)) }, Tag(.map))
      }
    }
    guard let text = try? Yams.serialize(node: node(value)) else { return value.serialized() }
    return Array(text.utf8)
  }
}
