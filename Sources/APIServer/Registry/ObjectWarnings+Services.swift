import JSONDocument
import KubernetesAPI

extension ObjectWarnings {
  static func service(_ object: JSONValue) -> [String] {
    var warnings: [String] = []
    let spec = object["spec"]
    let type = spec?["type"]?.stringValue ?? "ClusterIP"
    let externalIPs = spec?["externalIPs"]?.arrayValue ?? []
    let balancer = spec?["loadBalancerIP"]?.stringValue ?? ""
    let hints = "service.kubernetes.io/topology-aware-hints"
    if object.annotations[hints] != nil {
      warnings.append(
        "annotation \(hints) is deprecated, please use service.kubernetes.io/topology-mode instead")
    }
    if !externalIPs.isEmpty {
      warnings.append(
        "spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    }
    if spec?["clusterIP"] != "None" {
      for (index, address) in (spec?["clusterIPs"]?.arrayValue ?? []).enumerated() {
        warnings += self.address(address, "spec.clusterIPs[\(index)]")
      }
    } else if type == "ClusterIP" {
      if !balancer.isEmpty {
        warnings.append("spec.loadBalancerIP is ignored for headless services")
      }
      if !externalIPs.isEmpty {
        warnings.append("spec.externalIPs is ignored for headless services")
      }
      if spec?["sessionAffinity"] == "ClientIP" {
        warnings.append("spec.SessionAffinity is ignored for headless services")
      }
    }
    for (index, address) in externalIPs.enumerated() {
      warnings += self.address(address, "spec.externalIPs[\(index)]")
    }
    if !balancer.isEmpty { warnings += address(.string(balancer), "spec.loadBalancerIP") }
    for (index, range) in (spec?["loadBalancerSourceRanges"]?.arrayValue ?? []).enumerated() {
      warnings += self.range(range, "spec.loadBalancerSourceRanges[\(index)]")
    }
    if type == "ExternalName" {
      if !externalIPs.isEmpty {
        warnings.append("spec.externalIPs is ignored when spec.type is \"ExternalName\"")
      }
    } else if spec?["externalName"]?.stringValue ?? "" != "" {
      warnings.append("spec.externalName is ignored when spec.type is not \"ExternalName\"")
    }
    if spec?["trafficDistribution"] == "PreferClose" {
      warnings.append(
        "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"")
    }
    return warnings
  }

  static func endpointSlice(_ object: JSONValue) -> [String] {
    guard object["addressType"] != "FQDN" else {
      return ["spec.addressType: FQDN endpoints are deprecated"]
    }
    var warnings: [String] = []
    for (index, endpoint) in (object["endpoints"]?.arrayValue ?? []).enumerated() {
      for (position, address) in (endpoint["addresses"]?.arrayValue ?? []).enumerated() {
        warnings += self.address(address, "endpoints[\(index)].addresses[\(position)]")
      }
    }
    return warnings
  }

  /// Texts of addresses that not everybody reads in the same way.
  static func address(_ value: JSONValue, _ field: String) -> [String] {
    guard let text = value.stringValue, !text.isEmpty, text != "None" else { return [] }
    if let address = IPAddress(text), !address.isMapped {
      if address.isIPv6, address.canonicalText != text {
        return [
          "\(field): IPv6 address \(GoFormat.quoted(text)) should be in RFC 5952 canonical format "
            + "(\(GoFormat.quoted(address.canonicalText)))"
        ]
      }
      return []
    }
    guard let address = IPAddress(lenient: text) else { return [] }
    return [
      "\(field): non-standard IP address \(GoFormat.quoted(text)) is invalid: use "
        + GoFormat.quoted(address.canonicalText)
    ]
  }

  static func range(_ value: JSONValue, _ field: String) -> [String] {
    let text = (value.stringValue ?? "").trimmed
    guard let range = IPRange(lenient: text) else { return [] }
    var warnings: [String] = []
    let quoted = GoFormat.quoted(text)
    if range.hasHostBits {
      let single = "\(range.address.canonicalText)/\(range.address.isIPv6 ? 128 : 32)"
      warnings.append(
        "\(field): CIDR value \(quoted) is ambiguous in this context (should be "
          + "\(GoFormat.quoted(range.canonicalText)) or \(GoFormat.quoted(single))?)")
    }
    if IPRange(text) == nil || range.address.isMapped {
      warnings.append(
        "\(field): non-standard CIDR value \(quoted) is invalid: use "
          + GoFormat.quoted(range.canonicalText))
    } else if range.address.isIPv6, range.canonicalText != text {
      warnings.append(
        "\(field): IPv6 CIDR value \(quoted) should be in RFC 5952 canonical format "
          + "(\(GoFormat.quoted(range.canonicalText)))")
    }
    return warnings
  }
}
