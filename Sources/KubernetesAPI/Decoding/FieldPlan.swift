/// The catalogue's types as decoding walks them: what is asked of every member of every object that
/// comes in, laid out flat, so that a look costs neither copies nor reference counts.
struct FieldPlan: Sendable {
  enum Shape: UInt8, Sendable {
    case string, bytes, boolean, integer32, integer64, number
    /// A type with fields; `link` is its position in the catalogue.
    case object
    /// An object is a schema, and anything else stands for itself.
    case schemaOrAny
    /// `link` is the node of the elements.
    case list, map
    case quantity, time, microTime, intOrString, any, anyObject
  }

  struct Node: Sendable {
    var shape: Shape
    var link: Int32 = 0
    /// Whether elements are objects with fields, or something special.
    var hasTypedElements = false
  }

  struct Member: Sendable {
    var node: Int32
    var dropsZero: Bool
  }

  let nodes: [Node]
  /// By type, then by position of the field.
  let members: [[Member]]
  /// By type: whether its objects have `kind` and `apiVersion` of their own.
  let isRoot: [Bool]

  static let shared = FieldPlan(.shared, .shared)

  init(_ catalogue: Catalogue, _ emission: Emission) {
    var builder = Builder(catalogue: catalogue)
    members = catalogue.types.map { type in
      type.fields.indices.map { index in
        Member(
          node: builder.node(of: type.fields[index].type),
          dropsZero: emission.fields[type.id.index][index].dropsZero)
      }
    }
    nodes = builder.nodes
    isRoot = catalogue.types.map { !$0.kinds.isEmpty }
  }

  private struct Builder {
    let catalogue: Catalogue
    var nodes: [Node] = []
    var known: [FieldType: Int32] = [:]

    mutating func node(of type: FieldType) -> Int32 {
      if let node = known[type] { return node }
      var node = Node(shape: .any)
      switch type {
      case .string: node.shape = .string
      case .bytes: node.shape = .bytes
      case .boolean: node.shape = .boolean
      case .integer(let bits): node.shape = bits == 64 ? .integer64 : .integer32
      case .number: node.shape = .number
      case .list(let element), .map(let element):
        node.shape = type.isList ? .list : .map
        node.link = self.node(of: element)
        node.hasTypedElements = element.typeID != nil
      case .type(let id): (node.shape, node.link) = shape(of: catalogue.type(id))
      }
      nodes.append(node)
      let position = Int32(nodes.count - 1)
      known[type] = position
      return position
    }

    private func shape(of type: TypeInfo) -> (Shape, Int32) {
      switch type.special {
      case nil: (.object, Int32(type.id.index))
      case .quantity?: (.quantity, 0)
      case .time?: (.time, 0)
      case .microTime?: (.microTime, 0)
      case .intOrString?: (.intOrString, 0)
      case .anyObject?: (.anyObject, 0)
      case .any?:
        if type.name.hasSuffix(".JSONSchemaPropsOrBool")
          || type.name.hasSuffix(".JSONSchemaPropsOrArray"),
          let schema = catalogue.type(
            "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
        {
          (.schemaOrAny, Int32(schema.id.index))
        } else {
          (.any, 0)
        }
      }
    }
  }
}
