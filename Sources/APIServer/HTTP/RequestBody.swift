import JSONDocument
import KubernetesAPI
import NIOCore
import Yams

/// Reads the body of a request, JSON or YAML, into a tree.
enum RequestBody {
  struct Parsed {
    var value: JSONValue
    /// Members that an object has more than once.
    var problems = TextProblems()
    /// Whether it has parts that other objects have too.
    var isSharing = false
  }

  /// - Parameter isTyped: whether the object becomes one of a fixed type, in which objects that
  ///   stand under one name are united.
  static func parse(_ request: APIRequest, kind: String, isTyped: Bool = true) throws(APIStatus)
    -> Parsed
  {
    let type = MediaType(request.headers.first(name: "content-type") ?? "").type
    switch type {
    case "", "application/json": break
    case "application/yaml": return try yaml(request.body, kind: kind)
    case "application/vnd.kubernetes.protobuf":
      do throws(ProtobufError) {
        return Parsed(value: try ProtobufDecoder.decode(Array(request.body.readableBytesView)))
      } catch {
        throw .badRequest("the object provided is unrecognized (must be of type \(kind)): \(error)")
      }
    default:
      throw APIStatus(
        code: 415, reason: "UnsupportedMediaType",
        message: "the body of the request was in an unknown format - accepted media types "
          + "include: application/json, application/yaml, application/vnd.kubernetes.protobuf")
    }
    return try json(request.body, kind: kind, isTyped: isTyped)
  }

  static func json(_ body: ByteBuffer, kind: String, isTyped: Bool) throws(APIStatus) -> Parsed {
    do throws(JSONError) {
      let result = try JSONValue.parse(
        body.readableBytesView, findDuplicates: true, mergesDuplicates: isTyped,
        sharing: ObjectCodec.subtrees)
      return Parsed(
        value: result.value, problems: TextProblems(duplicates: result.duplicates),
        isSharing: result.isSharing)
    } catch {
      throw .badRequest(
        "the object provided is unrecognized (must be of type \(kind)): couldn't get "
          + "version/kind; json parse error: \(error.message) (\(summary(of: body)))")
    }
  }

  static func yaml(_ body: ByteBuffer, kind: String) throws(APIStatus) -> Parsed {
    do throws(YAMLReader.Failure) {
      let document = try YAMLReader.read(body.readableBytesView)
      return Parsed(
        value: document.value, problems: TextProblems(repeatedYAMLKeys: document.repeated))
    } catch {
      throw .badRequest(
        "the object provided is unrecognized (must be of type \(kind)): \(error) "
          + "(\(summary(of: body)))")
    }
  }

  /// The first bytes of a body, in which its sender may know it again.
  static func summary(of body: ByteBuffer) -> String {
    let bytes = body.readableBytesView
    guard let first = bytes.first else { return "<empty>" }
    let start = bytes.prefix(30)
    let text =
      first == UInt8(ascii: "{")
      ? String(decoding: start, as: UTF8.self)
      : start.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return bytes.count > start.count ? text + " ..." : text
  }

  /// A text, in quotes where it would be read as something else.
  private static func textNode(_ text: String) -> Node {
    let plain = Node(text)
    let isPlain = YAMLScalar.isWord(text) && plain.timestamp == nil && plain.float == nil
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
