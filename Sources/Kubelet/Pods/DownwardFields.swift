import JSONDocument
import KubernetesAPI

/// The values that `fieldRef` and `resourceFieldRef` point to.
enum DownwardFields {
  static func value(_ path: String, pod: PodView, hostAddress: String, podAddress: String)
    throws(PodError) -> String
  {
    switch path {
    case "metadata.name": return pod.name
    case "metadata.namespace": return pod.namespace
    case "metadata.uid": return pod.uid
    case "spec.nodeName": return pod.nodeName
    case "spec.serviceAccountName":
      return pod.json.at("spec", "serviceAccountName")?.stringValue ?? ""
    case "status.hostIP", "status.hostIPs": return hostAddress
    case "status.podIP", "status.podIPs": return podAddress
    case "metadata.labels": return lines(pod.object.labels)
    case "metadata.annotations": return lines(pod.object.annotations)
    default: break
    }
    for (prefix, values) in [
      ("metadata.labels['", pod.object.labels), ("metadata.annotations['", pod.object.annotations),
    ] where path.hasPrefix(prefix) && path.hasSuffix("']") {
      return values[String(path.dropFirst(prefix.count).dropLast(2))]?.stringValue ?? ""
    }
    throw PodError("CreateContainerConfigError", "fieldPath '\(path)' is not known")
  }

  private static func lines(_ values: JSONObject) -> String {
    values.map { key, value in
      "\(key)=\(JSONValue.string(value.stringValue ?? "").text)"
    }
    .sorted().joined(separator: "\n")
  }

  /// `allocatable`: what an unset limit means.
  static func resource(
    _ reference: JSONValue, container: JSONValue, allocatable: [String: Quantity]
  ) throws(PodError) -> String {
    let name = reference["resource"]?.stringValue ?? ""
    let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
    guard parts.count == 2, parts[0] == "limits" || parts[0] == "requests" else {
      throw PodError("CreateContainerConfigError", "resource '\(name)' is not known")
    }
    let text = container.at("resources", parts[0], parts[1])?.stringValue
    let quantity =
      text.flatMap { Quantity(parsing: $0) }
      ?? (parts[0] == "limits" ? allocatable[parts[1]] : nil) ?? .zero
    let divisor = reference["divisor"]?.stringValue.flatMap { Quantity(parsing: $0) } ?? .zero
    let unit = divisor.isZero ? Quantity(1) : divisor
    let ratio = (quantity.doubleValue / unit.doubleValue).rounded(.up)
    return Int64(exactly: ratio).map(String.init) ?? "0"
  }
}

extension JSONValue {
  /// The value as JSON text.
  var text: String { String(decoding: serialized(), as: UTF8.self) }
}
