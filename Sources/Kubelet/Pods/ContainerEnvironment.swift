import JSONDocument
import KubernetesAPI

/// A container's environment from its specification and what that refers to. Pure.
struct ContainerEnvironment {
  var pod: PodView
  var hostAddress: String
  var podAddress: String
  var allocatable: [String: Quantity]
  /// Objects that were looked up before; nil where there is none.
  var configMaps: [String: JSONValue]
  var secrets: [String: JSONValue]
  /// Of the pod's namespace, and `default/kubernetes`.
  var services: [JSONValue]

  /// Names of the ConfigMaps and Secrets that a pod's containers take values from.
  static func references(_ pod: PodSpecification) -> (configMaps: Set<String>, secrets: Set<String>)
  {
    var maps: Set<String> = []
    var secrets: Set<String> = []
    for container in pod.allContainers {
      for source in container.json["envFrom"]?.arrayValue ?? [] {
        if let name = source.at("configMapRef", "name")?.stringValue { maps.insert(name) }
        if let name = source.at("secretRef", "name")?.stringValue { secrets.insert(name) }
      }
      for variable in container.json["env"]?.arrayValue ?? [] {
        if let name = variable.at("valueFrom", "configMapKeyRef", "name")?.stringValue {
          maps.insert(name)
        }
        if let name = variable.at("valueFrom", "secretKeyRef", "name")?.stringValue {
          secrets.insert(name)
        }
      }
    }
    return (maps, secrets)
  }

  /// In order; a later variable may refer to an earlier one.
  func variables(of container: JSONValue) throws(PodError) -> [(name: String, value: String)] {
    var order: [String] = []
    var values: [String: String] = [:]
    func set(_ name: String, _ value: String) {
      if values.updateValue(value, forKey: name) == nil { order.append(name) }
    }
    if pod.json.at("spec", "enableServiceLinks")?.boolValue ?? true {
      for (name, value) in serviceVariables() { set(name, value) }
    } else {
      for (name, value) in serviceVariables(onlyAPI: true) { set(name, value) }
    }
    for source in container["envFrom"]?.arrayValue ?? [] {
      let prefix = source["prefix"]?.stringValue ?? ""
      for (name, value) in try all(of: source) { set(prefix + name, value) }
    }
    for variable in container["env"]?.arrayValue ?? [] {
      guard let name = variable["name"]?.stringValue else { continue }
      if let source = variable["valueFrom"] {
        if let value = try self.value(from: source, container: container) { set(name, value) }
      } else {
        set(name, VariableExpansion.expand(variable["value"]?.stringValue ?? "", values))
      }
    }
    return order.map { ($0, values[$0] ?? "") }
  }

  private func all(of source: JSONValue) throws(PodError) -> [(String, String)] {
    if let reference = source["configMapRef"] {
      guard let object = try find(reference, in: configMaps, "configmap") else { return [] }
      return (object["data"]?.objectValue ?? [:]).map { ($0, $1.stringValue ?? "") }
        .sorted { $0.0 < $1.0 }
    }
    if let reference = source["secretRef"] {
      guard let object = try find(reference, in: secrets, "secret") else { return [] }
      return (object["data"]?.objectValue ?? [:]).map { ($0, Self.decoded($1)) }
        .sorted { $0.0 < $1.0 }
    }
    return []
  }

  private func find(_ reference: JSONValue, in objects: [String: JSONValue], _ kind: String)
    throws(PodError) -> JSONValue?
  {
    let name = reference["name"]?.stringValue ?? ""
    if let object = objects[name] { return object }
    if reference["optional"]?.boolValue == true { return nil }
    throw PodError("CreateContainerConfigError", "\(kind) \"\(name)\" not found")
  }

  private func value(from source: JSONValue, container: JSONValue) throws(PodError) -> String? {
    if let path = source.at("fieldRef", "fieldPath")?.stringValue {
      return try DownwardFields.value(
        path, pod: pod, hostAddress: hostAddress, podAddress: podAddress)
    }
    if let reference = source["resourceFieldRef"] {
      return try DownwardFields.resource(
        reference, container: container, allocatable: allocatable)
    }
    for (field, objects, kind) in [
      ("configMapKeyRef", configMaps, "configmap"), ("secretKeyRef", secrets, "secret"),
    ] {
      guard let reference = source[field] else { continue }
      guard let object = try find(reference, in: objects, kind) else { return nil }
      let key = reference["key"]?.stringValue ?? ""
      if let value = object.at("data", key) {
        return kind == "secret" ? Self.decoded(value) : value.stringValue ?? ""
      }
      if reference["optional"]?.boolValue == true { return nil }
      let name = reference["name"]?.stringValue ?? ""
      throw PodError(
        "CreateContainerConfigError",
        "couldn't find key \(key) in \(kind == "secret" ? "Secret" : "ConfigMap") "
          + "\(pod.namespace)/\(name)")
    }
    return nil
  }

  static func decoded(_ value: JSONValue) -> String {
    String(decoding: Base64.decode(value.stringValue ?? "") ?? [], as: UTF8.self)
  }

  /// As Docker's links named them: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR` and so on.
  private func serviceVariables(onlyAPI: Bool = false) -> [(String, String)] {
    var result: [(String, String)] = []
    for service in services {
      let view = ObjectView(service)
      let isAPI = view.namespace == "default" && view.name == "kubernetes"
      guard isAPI || (!onlyAPI && view.namespace == pod.namespace),
        let address = view.spec["clusterIP"]?.stringValue, address != "None", !address.isEmpty,
        let ports = view.spec["ports"]?.arrayValue, let first = ports.first
      else { continue }
      let prefix = Self.variable(view.name)
      func number(_ port: JSONValue) -> String { port["port"]?.intValue.map(String.init) ?? "0" }
      result.append(("\(prefix)_SERVICE_HOST", address))
      result.append(("\(prefix)_SERVICE_PORT", number(first)))
      for port in ports {
        if let name = port["name"]?.stringValue, !name.isEmpty {
          result.append(("\(prefix)_SERVICE_PORT_\(Self.variable(name))", number(port)))
        }
      }
      for (index, port) in ports.enumerated() {
        let transport = port["protocol"]?.stringValue ?? "TCP"
        let url = "\(transport.lowercased())://\(address):\(number(port))"
        if index == 0 { result.append(("\(prefix)_PORT", url)) }
        let each = "\(prefix)_PORT_\(number(port))_\(transport)"
        result += [
          (each, url), ("\(each)_PROTO", transport.lowercased()), ("\(each)_PORT", number(port)),
          ("\(each)_ADDR", address),
        ]
      }
    }
    return result
  }

  private static func variable(_ name: String) -> String {
    String(name.uppercased().map { $0 == "-" || $0 == "." ? "_" : $0 })
  }
}
