import JSONDocument
import Keyspace
import KubernetesAPI
import Logging

/// Makes what every cluster has: namespaces, roles and bindings, priority classes, the
/// `kubernetes` Service. Whichever server comes first makes it; doing it again changes nothing.
struct Bootstrap: Sendable {
  let registry: Registry
  let configuration: APIServerConfiguration
  let logger: Logger

  static let context = RequestContext(
    user: UserInfo(name: "system:apiserver", groups: ["system:masters"]),
    agent: "taffrail-apiserver")

  /// Tries until all is there, or until cancelled; returns whether it is.
  func makeObjects() async -> Bool {
    var pause: UInt64 = 50_000_000
    while !Task.isCancelled {
      do throws(APIStatus) {
        try await makeAll()
        return true
      } catch {
        logger.debug("making the objects of every cluster: \(error); trying again")
        try? await Task.sleep(nanoseconds: pause)
        pause = min(pause * 2, 1_000_000_000)
      }
    }
    return false
  }

  /// How many rounds of the endpoints pass, ten seconds each, between looks at the flow control's
  /// objects: upstream looks once a minute.
  private static let roundsBetweenLooks = 6

  /// Keeps this server among the endpoints of the `kubernetes` Service, and the flow control's
  /// objects as they must be, until cancelled.
  func keepEndpoints() async {
    var round = 0
    while !Task.isCancelled {
      do throws(APIStatus) {
        try await reconcileEndpoints()
      } catch {
        logger.debug("the endpoints of the kubernetes Service: \(error)")
      }
      round += 1
      if round % Self.roundsBetweenLooks == 0 {
        do throws(APIStatus) {
          try await keepFlowControl()
        } catch {
          logger.debug("the priority levels and flow schemas: \(error)")
        }
      }
      try? await Task.sleep(nanoseconds: 10_000_000_000)
    }
  }

  private func makeAll() async throws(APIStatus) {
    try await registry.barrier()
    for name in ["kube-system", "default", "kube-public", "kube-node-lease"] {
      try await make(
        .namespaces, namespace: nil,
        ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]])
    }
    try await makePolicy()
    try await keepFlowControl()
    for (name, value, description) in [
      (
        "system-cluster-critical", 2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to "
          + "another node if necessary."
      ),
      (
        "system-node-critical", 2_000_001_000,
        "Used for system critical pods that must not be moved from their current node."
      ),
    ] {
      try await make(
        GroupVersionResource(group: "scheduling.k8s.io", resource: "priorityclasses"),
        namespace: nil,
        [
          "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
          "metadata": ["name": .string(name)], "value": JSONValue(value),
          "description": .string(description), "preemptionPolicy": "PreemptLowerPriority",
        ])
    }
    let ranges = GroupVersionResource(group: "networking.k8s.io", resource: "servicecidrs")
    try await make(ranges, namespace: nil, serviceRange)
    try await make(.services, namespace: "default", kubernetesService)
  }

  /// Makes roles and bindings that are missing, all at once, and mends those that lost something.
  private func makePolicy() async throws(APIStatus) {
    var missing: [(info: ResourceInfo, object: JSONValue)] = []
    for object in BootstrapPolicy.objects {
      let kind = object["kind"]?.stringValue ?? ""
      let info = try registry.resource(
        GroupVersionResource(group: Authorizer.group, resource: kind.lowercased() + "s"))
      let namespace = info.namespaced ? object.namespace : nil
      let key = registry.key(info, namespace: namespace, name: object.name)
      guard let entry = registry.store.current().get(key) else {
        missing.append((info, object))
        continue
      }
      let present = try ObjectCodec.parse(entry.value, key: key)
      switch BootstrapReconciliation.change(of: present, to: object) {
      case .none: continue
      case .update(let mended):
        _ = try await registry.update(
          info, namespace: namespace, name: object.name, object: mended, context: Self.context)
      case .replace:
        // What a binding binds can't be changed.
        _ = try await registry.delete(
          info, namespace: namespace, name: object.name, context: Self.context)
        missing.append((info, object))
      }
    }
    if !missing.isEmpty { try await registry.createAll(missing, context: Self.context) }
  }

  /// Makes priority levels and flow schemas that are missing, and mends those that are the
  /// server's to keep.
  private func keepFlowControl() async throws(APIStatus) {
    var missing: [(info: ResourceInfo, object: JSONValue)] = []
    for entry in FlowControlPolicy.entries {
      let kind = entry.object["kind"]?.stringValue ?? ""
      let info = try registry.resource(
        GroupVersionResource(
          group: "flowcontrol.apiserver.k8s.io", resource: kind.lowercased() + "s"))
      let key = registry.key(info, namespace: nil, name: entry.object.name)
      guard let stored = registry.store.current().get(key) else {
        missing.append((info, entry.object))
        continue
      }
      let present = try ObjectCodec.parse(stored.value, key: key)
      if let mended = FlowControlPolicy.change(of: present, to: entry) {
        _ = try await registry.update(
          info, namespace: nil, name: entry.object.name, object: mended, context: Self.context)
      }
    }
    if !missing.isEmpty { try await registry.createAll(missing, context: Self.context) }
  }

  /// The range that Services' addresses come from.
  private var serviceRange: JSONValue {
    [
      "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
      "metadata": ["name": "kubernetes"],
      "spec": ["cidrs": [.string("\(registry.configuration.serviceRange)")]],
      "status": ["conditions": []],
    ]
  }

  private func make(_ name: GroupVersionResource, namespace: String?, _ object: JSONValue)
    async throws(APIStatus)
  {
    let info = try registry.resource(name)
    let key = registry.key(info, namespace: namespace, name: object.name)
    if registry.store.current().get(key) != nil { return }
    do throws(APIStatus) {
      _ = try await registry.create(
        info, namespace: namespace, object: object, context: Self.context)
    } catch {
      guard error.reason == "AlreadyExists" else {
        if error.code == 422 { logger.error("\(name) \(object.name): \(error)") }
        throw error
      }
    }
  }

  private var kubernetesService: JSONValue {
    [
      "apiVersion": "v1", "kind": "Service",
      "metadata": [
        "name": "kubernetes", "namespace": "default",
        "labels": ["component": "apiserver", "provider": "kubernetes"],
      ],
      "spec": [
        "type": "ClusterIP",
        "clusterIP": .string(registry.configuration.serviceRange.address(at: 1)),
        "clusterIPs": [.string(registry.configuration.serviceRange.address(at: 1))],
        "sessionAffinity": "None",
        "ports": [
          [
            "name": "https", "port": 443, "protocol": "TCP",
            "targetPort": JSONValue(max(1, configuration.advertisePort)),
          ]
        ],
      ],
    ]
  }

  // MARK: Endpoints of the kubernetes Service

  /// How long a server that no longer says that it is there stays among the endpoints.
  static let leaseSeconds: Int64 = 30

  /// Each server notes under a key of its own that it is there; each writes the union.
  private func reconcileEndpoints() async throws(APIStatus) {
    // An address of this machine's own leads nobody to this server.
    guard !configuration.advertiseAddress.isEmpty,
      !configuration.advertiseAddress.hasPrefix("127.")
    else { return }
    let now = WallClock.seconds()
    let prefix = Key("apiservers/")
    let key = Key("apiservers/\(configuration.advertiseAddress):\(configuration.advertisePort)")
    _ = try await registry.commit(
      registry.transaction(
        compares: [],
        mutations: [.put(key: key, value: Array(String(now).utf8), revisionOffset: nil)],
        context: Self.context, verb: "update"))
    var servers: [(address: String, port: Int)] = []
    for entry in registry.store.current().entries(prefix: prefix) {
      guard let seen = Int64(String(decoding: entry.value, as: UTF8.self)),
        now - seen <= Self.leaseSeconds
      else { continue }
      let text = entry.key.description.dropFirst("apiservers/".count)
      guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...])
      else { continue }
      servers.append((String(text[..<colon]), port))
    }
    // A slice has one port; servers on other ports share it by address where they agree.
    let port =
      servers.first { $0.address == configuration.advertiseAddress }?.port
      ?? configuration.advertisePort
    let addresses = servers.filter { $0.port == port }.map(\.address)
    try await writeSlice(addresses: Array(Set(addresses)).sorted(), port: port)
  }

  private func writeSlice(addresses: [String], port: Int) async throws(APIStatus) {
    let info = try registry.resource(.endpointSlices)
    let desired: JSONValue = [
      "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
      "metadata": [
        "name": "kubernetes", "namespace": "default",
        "labels": ["kubernetes.io/service-name": "kubernetes"],
      ],
      "addressType": "IPv4",
      "endpoints": .array(
        addresses.map {
          ["addresses": [.string($0)], "conditions": ["ready": true]]
        }),
      "ports": [["name": "https", "port": JSONValue(port), "protocol": "TCP"]],
    ]
    let key = registry.key(info, namespace: "default", name: "kubernetes")
    guard let entry = registry.store.current().get(key) else {
      return try await make(.endpointSlices, namespace: "default", desired)
    }
    let current = try ObjectCodec.parse(entry.value, key: key)
    if current["endpoints"] == desired["endpoints"], current["ports"] == desired["ports"] {
      return
    }
    var updated = current
    updated["endpoints"] = desired["endpoints"]
    updated["ports"] = desired["ports"]
    _ = try await registry.update(
      info, namespace: "default", name: "kubernetes", object: updated, context: Self.context)
  }
}
