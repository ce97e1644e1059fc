import JSONDocument

/// Reads and edits lists of status conditions.
package enum Conditions {
  package static func find(_ type: String, in status: JSONValue?) -> JSONValue? {
    status?["conditions"]?.arrayValue?.first { $0["type"]?.stringValue == type }
  }

  package static func isTrue(_ type: String, in status: JSONValue?) -> Bool {
    find(type, in: status)?["status"]?.stringValue == "True"
  }

  /// Sets the condition of `condition`'s type. `lastTransitionTime` moves only with the status, and
  /// nothing moves where status, reason and message are the same.
  package static func set(_ condition: JSONValue, in conditions: inout [JSONValue], now: String) {
    guard let type = condition["type"]?.stringValue else { return }
    var condition = condition
    guard let position = conditions.firstIndex(where: { $0["type"]?.stringValue == type }) else {
      condition["lastTransitionTime"] = .string(now)
      conditions.append(condition)
      return
    }
    let old = conditions[position]
    if old["status"] == condition["status"], old["reason"] == condition["reason"],
      old["message"] == condition["message"]
    {
      return
    }
    condition["lastTransitionTime"] =
      old["status"] == condition["status"] ? old["lastTransitionTime"] : .string(now)
    conditions[position] = condition
  }
}
