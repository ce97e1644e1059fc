/// The types that admission policies make their changes of: `Object` for a configuration that is
/// applied, with `Object.spec` and so on for what is in it, and `JSONPatch` for a step of a patch.
enum CELPatchTypes {
  static let object = CELType.opaque("Object")
  static let patch = CELType.opaque("JSONPatch")

  static func isType(_ name: String) -> Bool {
    name == "Object" || name.hasPrefix("Object.") || name == "JSONPatch"
  }

  /// The type of a member; nil where there is none of that name.
  static func field(_ field: String, of type: String) -> CELType? {
    guard type == "JSONPatch" else { return .dyn }
    switch field {
    case "op", "path", "from": return .string
    case "value": return .dyn
    default: return nil
    }
  }
}
