/// The nftables ruleset of one node: services in, text for `nft -f -` out.
///
/// Addresses and ports lead through one verdict map to a chain per service port, which draws an
/// endpoint; a chain per endpoint rewrites the destination. The size of the rules a packet passes
/// does not grow with the number of services (KEP-3866).
public struct Ruleset: Sendable, Hashable {
  /// Packets with this mark are given the node's own address as source on their way out.
  static let masqueradeMark = "0x4000"

  public var tableName: String
  /// All pods of the cluster, in CIDR notation: their source addresses are kept.
  public var podRange: String
  public var table: ServiceTable

  public init(tableName: String = "taffrail", podRange: String, table: ServiceTable) {
    self.tableName = tableName
    self.podRange = podRange
    self.table = table
  }

  /// Replaces the table in one transaction: a packet sees the old rules or the new ones.
  public var text: String {
    var services: [String] = []
    var nodePorts: [String] = []
    var rejected: [String] = []
    var chains = ""
    for (index, port) in table.ports.enumerated() {
      let chain = "service-\(index)"
      let inside = endpoints(port, onlyLocal: port.internalTrafficIsLocal)
      for address in port.addresses {
        let key = "\(address) . \(port.transport) . \(port.port)"
        if inside.isEmpty {
          rejected.append(key)
        } else {
          services.append("\(key) : goto \(chain)")
        }
      }
      if !inside.isEmpty {
        chains += "\n  # \(comment(port))\n"
        chains += serviceChain(
          chain, port, inside, masquerade: "ip saddr != \(podRange) ")
      }
      if port.nodePort > 0 {
        let outside = endpoints(port, onlyLocal: port.externalTrafficIsLocal)
        if !outside.isEmpty {
          nodePorts.append("\(port.transport) . \(port.nodePort) : goto \(chain)-node")
          // With the local policy the client's address reaches the pod: its answer comes back
          // through this node in any case.
          chains += "\n  # \(comment(port)), node port\n"
          chains += serviceChain(
            "\(chain)-node", port, outside, masquerade: port.externalTrafficIsLocal ? nil : "")
        }
      }
    }
    return """
      table ip \(tableName)
      delete table ip \(tableName)
      table ip \(tableName) {
        map services {
          type ipv4_addr . inet_proto . inet_service : verdict\(elements(services))
        }

        map node-ports {
          type inet_proto . inet_service : verdict\(elements(nodePorts))
        }

        set without-endpoints {
          type ipv4_addr . inet_proto . inet_service\(elements(rejected))
        }

        chain prerouting {
          type nat hook prerouting priority dstnat; policy accept;
          jump destinations
        }

        chain output {
          type nat hook output priority -100; policy accept;
          jump destinations
        }

        chain postrouting {
          type nat hook postrouting priority srcnat; policy accept;
          meta mark & \(Self.masqueradeMark) != 0 masquerade
        }

        chain forward {
          type filter hook forward priority filter; policy accept;
          ip daddr . meta l4proto . th dport @without-endpoints reject
        }

        chain local {
          type filter hook output priority filter; policy accept;
          ip daddr . meta l4proto . th dport @without-endpoints reject
        }

        chain destinations {
          ip daddr . meta l4proto . th dport vmap @services
          fib daddr type local meta l4proto . th dport vmap @node-ports
        }
      \(chains)}

      """
  }

  private func endpoints(_ port: ServiceTable.Port, onlyLocal: Bool) -> [ServiceTable.Endpoint] {
    onlyLocal ? port.endpoints.filter(\.isLocal) : port.endpoints
  }

  private func elements(_ list: [String]) -> String {
    guard !list.isEmpty else { return "" }
    return "\n    elements = {\n"
      + list.map { "      \($0)" }.joined(separator: ",\n") + "\n    }"
  }

  /// Names of Kubernetes need no escaping, but a ruleset takes no chances.
  private func comment(_ port: ServiceTable.Port) -> String {
    String(port.description.filter { $0.isASCII && !$0.isNewline })
  }

  /// - Parameter masquerade: which packets must come back through this node, as a match; nil:
  ///   none but those of an endpoint to itself.
  private func serviceChain(
    _ name: String, _ port: ServiceTable.Port, _ endpoints: [ServiceTable.Endpoint],
    masquerade: String?
  ) -> String {
    var text = ""
    let names = endpoints.indices.map { "\(name)-\($0)" }
    if port.affinitySeconds > 0 {
      for name in names {
        text += "  set \(name)-clients {\n"
        text += "    type ipv4_addr\n    flags dynamic,timeout\n"
        text += "    timeout \(port.affinitySeconds)s\n  }\n"
      }
    }
    for (index, endpoint) in endpoints.enumerated() {
      text += "  chain \(names[index]) {\n"
      // A pod that reaches itself through its service must be answered through the node.
      text +=
        "    ip saddr \(endpoint.address) meta mark set meta mark | \(Self.masqueradeMark)\n"
      if port.affinitySeconds > 0 {
        text += "    update @\(names[index])-clients { ip saddr }\n"
      }
      text += "    meta l4proto \(port.transport) dnat to \(endpoint.address):\(endpoint.port)\n"
      text += "  }\n"
    }
    text += "  chain \(name) {\n"
    if let masquerade {
      text += "    \(masquerade)meta mark set meta mark | \(Self.masqueradeMark)\n"
    }
    if port.affinitySeconds > 0 {
      for name in names { text += "    ip saddr @\(name)-clients goto \(name)\n" }
    }
    if names.count == 1 {
      text += "    goto \(names[0])\n"
    } else {
      let draws = names.enumerated().map { "\($0.offset) : goto \($0.element)" }
      text += "    numgen random mod \(names.count) vmap { \(draws.joined(separator: ", ")) }\n"
    }
    text += "  }\n"
    return text
  }
}
