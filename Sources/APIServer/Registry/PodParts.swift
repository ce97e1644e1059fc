import JSONDocument

/// The parts of a pod that its subresources write; nothing else comes from their callers.
enum PodParts {
  /// The pod with what the subresource may write taken from what was sent.
  static func replacing(_ subresource: String, of pod: JSONValue, from sent: JSONValue)
    -> JSONValue
  {
    var result = pod
    guard subresource == "resize" else {
      result.set(
        sent.at("spec", "ephemeralContainers"), at: "spec", "ephemeralContainers")
      return result
    }
    for list in ["containers", "initContainers"] {
      guard case .array(var containers)? = pod.at("spec", list) else { continue }
      for changed in sent.at("spec", list)?.arrayValue ?? [] {
        for index in containers.indices where containers[index]["name"] == changed["name"] {
          containers[index]["resources"] = changed["resources"]
          containers[index]["resizePolicy"] = changed["resizePolicy"]
        }
      }
      result.set(.array(containers), at: "spec", list)
    }
    return result
  }
}
