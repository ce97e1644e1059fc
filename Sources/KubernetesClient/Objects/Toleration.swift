import JSONDocument

/// The rule by which a pod bears a node's taint.
package enum Toleration {
  package static func tolerates(_ toleration: JSONValue, taint: JSONValue) -> Bool {
    if let effect = toleration["effect"]?.stringValue, !effect.isEmpty,
      effect != taint["effect"]?.stringValue
    {
      return false
    }
    let key = toleration["key"]?.stringValue ?? ""
    if !key.isEmpty, key != taint["key"]?.stringValue { return false }
    switch toleration["operator"]?.stringValue ?? "Equal" {
    case "Exists": return true
    case "Equal", "":
      // Without a key only Exists tolerates.
      return !key.isEmpty
        && toleration["value"]?.stringValue ?? "" == taint["value"]?.stringValue ?? ""
    default: return false
    }
  }
}
