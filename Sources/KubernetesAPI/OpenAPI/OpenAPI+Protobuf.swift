import JSONDocument

extension OpenAPI {
  /// `v2` in protocol buffers, the only form that kubectl up to 1.28 asks for. Message and field
  /// numbers are those of the schema `openapi.v2`.
  public static func v2Protobuf(
    custom resources: [ResourceInfo] = [], catalogue: Catalogue = .shared
  ) -> [UInt8] {
    Binary.document(v2Document(custom: resources, catalogue: catalogue)).bytes
  }

  /// Turns parts of a Swagger 2.0 document into messages.
  private enum Binary {
    /// Which member of a JSON object is which field, and what is written for it.
    enum Content {
      case string
      case boolean
      case strings
      case any
      case anys
      case message((JSONValue) -> ProtobufWriter)
      case messages((JSONValue) -> ProtobufWriter)
    }

    typealias Fields = [String: (number: Int, content: Content)]

    /// `extensions`: the number of the field that takes members whose names begin with `x-`.
    static func encode(_ value: JSONValue, _ fields: Fields, extensions: Int? = nil)
      -> ProtobufWriter
    {
      var writer = ProtobufWriter()
      for (name, member) in value.objectValue ?? [:] {
        if let (number, content) = fields[name] {
          write(member, number, content, to: &writer)
        } else if let extensions, name.hasPrefix("x-") {
          writer.message(named(name, any(member)), field: extensions)
        }
      }
      return writer
    }

    private static func write(
      _ value: JSONValue, _ number: Int, _ content: Content, to writer: inout ProtobufWriter
    ) {
      switch content {
      case .string: writer.string(value.stringValue ?? "", field: number)
      case .boolean: writer.boolean(value.boolValue ?? false, field: number)
      case .strings:
        for element in value.arrayValue ?? [] {
          writer.string(element.stringValue ?? "", field: number)
        }
      case .any: writer.message(any(value), field: number)
      case .anys:
        for element in value.arrayValue ?? [] { writer.message(any(element), field: number) }
      case .message(let encode): writer.message(encode(value), field: number)
      case .messages(let encode):
        for element in value.arrayValue ?? [] { writer.message(encode(element), field: number) }
      }
    }

    /// A value of any kind is carried as its YAML, of which JSON is a part.
    static func any(_ value: JSONValue) -> ProtobufWriter {
      var writer = ProtobufWriter()
      writer.string(String(decoding: value.serialized(), as: UTF8.self), field: 2)
      return writer
    }

    static func named(_ name: String, _ value: ProtobufWriter) -> ProtobufWriter {
      var writer = ProtobufWriter()
      writer.string(name, field: 1)
      writer.message(value, field: 2)
      return writer
    }

    static func wrapped(_ value: ProtobufWriter, field number: Int) -> ProtobufWriter {
      var writer = ProtobufWriter()
      writer.message(value, field: number)
      return writer
    }

    /// The members of an object as a list of names and values.
    static func entries(
      _ value: JSONValue, field number: Int, _ encode: (JSONValue) -> ProtobufWriter
    ) -> ProtobufWriter {
      var writer = ProtobufWriter()
      for (name, member) in value.objectValue ?? [:] {
        writer.message(named(name, encode(member)), field: number)
      }
      return writer
    }

    static func document(_ value: JSONValue) -> ProtobufWriter {
      encode(
        value,
        [
          "swagger": (1, .string),
          "info": (2, .message { encode($0, ["title": (1, .string), "version": (2, .string)]) }),
          "paths": (8, .message { entries($0, field: 2, pathItem) }),
          "definitions": (9, .message { entries($0, field: 1, schema) }),
        ], extensions: 16)
    }

    static func pathItem(_ value: JSONValue) -> ProtobufWriter {
      encode(
        value,
        [
          "get": (2, .message(operation)), "put": (3, .message(operation)),
          "post": (4, .message(operation)), "delete": (5, .message(operation)),
          "options": (6, .message(operation)), "head": (7, .message(operation)),
          "patch": (8, .message(operation)), "parameters": (9, .messages(parameter)),
        ], extensions: 10)
    }

    static func operation(_ value: JSONValue) -> ProtobufWriter {
      encode(
        value,
        [
          "tags": (1, .strings), "summary": (2, .string), "description": (3, .string),
          "operationId": (5, .string), "produces": (6, .strings), "consumes": (7, .strings),
          "parameters": (8, .messages(parameter)),
          "responses": (
            9, .message { entries($0, field: 1) { wrapped(response($0), field: 1) } }
          ), "schemes": (10, .strings),
        ], extensions: 13)
    }

    static func response(_ value: JSONValue) -> ProtobufWriter {
      encode(
        value,
        [
          "description": (1, .string),
          "schema": (2, .message { wrapped(schema($0), field: 1) }),
        ], extensions: 5)
    }

    /// ParametersItem { parameter: { a body, or one of the others by its place } }.
    static func parameter(_ value: JSONValue) -> ProtobufWriter {
      let place = value["in"]?.stringValue
      if place == "body" {
        let body = encode(
          value,
          [
            "description": (1, .string), "name": (2, .string), "in": (3, .string),
            "required": (4, .boolean), "schema": (5, .message(schema)),
          ], extensions: 6)
        return wrapped(wrapped(body, field: 1), field: 1)
      }
      // Others than those in a path may be empty, which is a field before the type.
      let isPath = place == "path"
      let shift = isPath ? 0 : 1
      let content = encode(
        value,
        [
          "required": (1, .boolean), "in": (2, .string), "description": (3, .string),
          "name": (4, .string), "type": (5 + shift, .string), "format": (6 + shift, .string),
          "uniqueItems": (19 + shift, .boolean),
        ], extensions: isPath ? 22 : 23)
      let nonBody = wrapped(content, field: isPath ? 4 : 3)
      return wrapped(wrapped(nonBody, field: 2), field: 1)
    }

    static func schema(_ value: JSONValue) -> ProtobufWriter {
      encode(
        value,
        [
          "$ref": (1, .string), "format": (2, .string), "title": (3, .string),
          "description": (4, .string), "default": (5, .any), "pattern": (12, .string),
          "uniqueItems": (16, .boolean), "required": (19, .strings), "enum": (20, .anys),
          "additionalProperties": (21, .message { wrapped(schema($0), field: 1) }),
          "type": (22, .message(typeItem)),
          "items": (23, .message { wrapped(schema($0), field: 1) }),
          "allOf": (24, .messages(schema)),
          "properties": (25, .message { entries($0, field: 1, schema) }),
        ], extensions: 31)
    }

    static func typeItem(_ value: JSONValue) -> ProtobufWriter {
      var writer = ProtobufWriter()
      writer.string(value.stringValue ?? "", field: 1)
      return writer
    }
  }
}
