import JSONDocument

extension FieldSelector {
  /// The fields of kinds that have more than name and namespace, as upstream registers them.
  private static let fieldsByKind: [String: [String]] = [
    "/Pod": [
      "metadata.name", "metadata.namespace", "spec.nodeName", "spec.host", "spec.restartPolicy",
      "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork", "status.phase",
      "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ],
    "/Node": ["metadata.name", "spec.unschedulable"],
    "/Namespace": ["metadata.name", "status.phase"],
    "/Secret": ["metadata.name", "metadata.namespace", "type"],
    "/Service": ["metadata.name", "metadata.namespace", "spec.clusterIP", "spec.type"],
    "/ReplicationController": ["metadata.name", "metadata.namespace", "status.replicas"],
    "/Event": [
      "metadata.name", "metadata.namespace", "involvedObject.kind", "involvedObject.namespace",
      "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
      "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
      "reportingComponent", "source", "type",
    ],
    "events.k8s.io/Event": [
      "metadata.name", "metadata.namespace", "regarding.kind", "regarding.namespace",
      "regarding.name", "regarding.uid", "regarding.apiVersion", "regarding.resourceVersion",
      "regarding.fieldPath", "reason", "reportingController", "type",
    ],
    "batch/Job": ["metadata.name", "metadata.namespace", "status.successful"],
    "certificates.k8s.io/CertificateSigningRequest": ["metadata.name", "spec.signerName"],
    "resource.k8s.io/ResourceSlice": ["metadata.name", "spec.nodeName", "spec.driver"],
  ]

  /// - Throws: BadRequest for a field that objects of this kind can't be selected by.
  public func check(for resource: ResourceInfo) throws(APIStatus) {
    if let custom = resource.custom {
      for term in terms
      where term.field != "metadata.name"
        && !(term.field == "metadata.namespace" && resource.namespaced)
        && !custom.selectableFields.contains(where: { $0.name == term.field })
      {
        throw .badRequest("field label not supported: \(term.field)")
      }
      return
    }
    guard let fields = Self.fieldsByKind["\(resource.group)/\(resource.kind)"] else {
      for term in terms
      where term.field != "metadata.name" && term.field != "metadata.namespace" {
        throw .badRequest(
          "\(GoFormat.quoted(term.field)) is not a known field selector: only "
            + "\"metadata.name\", \"metadata.namespace\"")
      }
      return
    }
    for term in terms where !fields.contains(term.field) {
      throw .badRequest("field label not supported: \(term.field)")
    }
  }

  /// A field's value as text; what is missing reads as its zero value.
  static func value(of field: String, in object: JSONValue, resource: ResourceInfo) -> String {
    if let custom = resource.custom, let value = custom.value(ofField: field, in: object) {
      return value
    }
    let parts = field.split(separator: ".").map(String.init)
    switch (resource.kind, field) {
    case ("Pod", "spec.host"): return object.at("spec", "nodeName")?.stringValue ?? ""
    case ("Pod", "status.podIP"):
      let first = object.at("status", "podIPs")?[0]?["ip"] ?? object.at("status", "podIP")
      return first?.stringValue ?? ""
    // Upstream takes the name and has no value for it.
    case ("Pod", "status.podIPs"): return ""
    case ("Event", _): return eventValue(of: parts, in: object)
    default: break
    }
    switch object.at(path: parts) {
    case .string(let text): return text
    case .bool(let value): return value ? "true" : "false"
    case .int(let number): return String(number)
    case .double(let number): return GoFormat.text(.double(number))
    default: break
    }
    switch field {
    case "spec.unschedulable", "spec.hostNetwork": return "false"
    case "status.successful" where resource.kind == "Job":
      return String(object.at("status", "succeeded")?.intValue ?? 0)
    case "status.replicas": return "0"
    default: return ""
    }
  }

  /// Events are served in two forms whose fields differ in name only.
  private static func eventValue(of parts: [String], in object: JSONValue) -> String {
    switch parts.first {
    case "involvedObject", "regarding":
      let reference = object["involvedObject"] ?? object["regarding"]
      return parts.count == 2 ? reference?[parts[1]]?.stringValue ?? "" : ""
    case "reportingComponent", "reportingController":
      return (object["reportingComponent"] ?? object["reportingController"])?.stringValue ?? ""
    case "source":
      let source = (object["source"] ?? object["deprecatedSource"])?["component"]?.stringValue
      if let source, !source.isEmpty { return source }
      return (object["reportingComponent"] ?? object["reportingController"])?.stringValue ?? ""
    default: return object.at(path: parts)?.stringValue ?? ""
    }
  }
}
