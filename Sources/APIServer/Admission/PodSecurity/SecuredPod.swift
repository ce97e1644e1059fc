import JSONDocument

/// A pod as the checks look at it.
struct SecuredPod {
  typealias Violation = PodSecurity.Violation

  let metadata: JSONValue?
  let spec: JSONValue?
  let containers: [JSONValue]

  init(metadata: JSONValue?, spec: JSONValue?) {
    self.metadata = metadata
    self.spec = spec
    containers = ["initContainers", "containers", "ephemeralContainers"].flatMap {
      spec?[$0]?.arrayValue ?? []
    }
  }

  var isWindows: Bool { spec?.at("os", "name")?.stringValue == "windows" }

  /// The names of the containers that meet a condition.
  func names(_ condition: (JSONValue) -> Bool) -> [String] {
    containers.filter(condition).map { $0["name"]?.stringValue ?? "" }
  }

  static func quoted(_ names: some Sequence<String>) -> String {
    names.map { "\"\($0)\"" }.joined(separator: ", ")
  }

  /// `container "a"`, `containers "a", "b"`.
  static func list(_ singular: String, _ names: [String]) -> String {
    "\(singular)\(names.count == 1 ? "" : "s") \(quoted(names))"
  }

  /// Names the pod, the containers or both.
  static func setters(_ isPod: Bool, _ names: [String]) -> String {
    let parts = (isPod ? ["pod"] : []) + (names.isEmpty ? [] : [list("container", names)])
    return parts.joined(separator: " and ")
  }

  static func context(_ container: JSONValue) -> JSONValue? { container["securityContext"] }

  var podContext: JSONValue? { spec?["securityContext"] }
}
