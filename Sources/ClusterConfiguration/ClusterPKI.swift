import Foundation

/// The keys, certificates and kubeconfigs of a cluster on this machine: where they are.
///
/// Two authorities: one for everything that speaks the Kubernetes API, one for the replicas among
/// themselves, so that no API credential opens a peer port.
public struct ClusterPKI: Sendable, Hashable {
  public struct Server: Sendable, Hashable {
    public var id: Int
    /// What the API server shows to clients.
    public var api: Credential
    /// What the replica shows to its peers, as client and as server: DNS name `peer-ID`,
    /// organizational unit `store-peer`.
    public var peer: Credential
  }

  public struct Node: Sendable, Hashable {
    public var name: String
    /// `system:node:NAME` of `system:nodes`.
    public var client: Credential
    /// What the kubelet shows to API servers.
    public var serving: Credential
    public var kubeconfig: String
  }

  /// The certificate of the API's authority.
  public var authority: String
  /// The certificate of the replicas' authority.
  public var peerAuthority: String
  public var servers: [Server]
  public var nodes: [Node]
  /// What API servers show to kubelets: `kube-apiserver-kubelet-client` of `system:masters`.
  public var kubeletClient: Credential
  /// `kubernetes-admin` of `system:masters`.
  public var admin: Credential
  /// Signs service account tokens (P-256).
  public var serviceAccountKey: String
  public var serviceAccountPublicKey: String
  /// The administrator's.
  public var kubeconfig: String
  /// Of the process that plays hollow nodes.
  public var hollowKubeconfig: String

  /// The private key of the API's authority, which stands beside its certificate.
  public var authorityKey: String {
    authority.hasSuffix(".crt") ? String(authority.dropLast(4)) + ".key" : authority + ".key"
  }

  public func server(id: Int) -> Server? {
    servers.first { $0.id == id }
  }

  public func node(named name: String) -> Node? {
    nodes.first { $0.name == name }
  }

  /// Makes what is missing, damaged, near its end or about other hosts; keeps the rest. Several
  /// processes may call it at once.
  ///
  /// - Throws: `HomeError` where a file can't be read or written or an authority is damaged.
  @discardableResult
  public static func ensure(
    configuration: ClusterConfiguration, home: TaffrailHome, now: Date = Date()
  ) throws -> ClusterPKI {
    try AtomicFile.createFolder(home.pkiFolder)
    let lock = try FileLock.wait(path: "\(home.pkiFolder)/lock")
    defer { withExtendedLifetime(lock) {} }
    let folder = KeyFolder(path: home.pkiFolder, now: now)
    let authority = try folder.authority("ca", commonName: "taffrail-ca")
    let peerAuthority = try folder.authority("peer-ca", commonName: "taffrail-peer-ca")
    let servers = try configuration.servers.map { server in
      Server(
        id: server.id,
        api: try folder.credential(
          "server-\(server.id)-api",
          .apiServer(hosts: configuration.apiHosts(of: server)), by: authority),
        peer: try folder.credential(
          "server-\(server.id)-peer", .peer(id: server.id), by: peerAuthority))
    }
    let kubeletClient = try folder.credential(
      "kube-apiserver-kubelet-client", .kubeletClient, by: authority)
    let admin = try folder.credential("admin", .admin, by: authority)
    let signing = try folder.signingKey("service-account")

    func kubeconfig(_ path: String, user: String, server: HostPort, _ credential: Credential)
      throws -> String
    {
      try Kubeconfig(
        cluster: configuration.name, user: user, server: "https://\(server)",
        authority: authority.certificatePath, credential: credential
      ).write(to: path)
      return path
    }
    let nodes = try configuration.nodes.map { node in
      let client = try folder.credential(
        "node-\(node.name)-client", .node(name: node.name), by: authority)
      return Node(
        name: node.name, client: client,
        serving: try folder.credential(
          "node-\(node.name)-serving",
          .kubelet(name: node.name, address: node.address), by: authority),
        kubeconfig: try kubeconfig(
          "\(home.pkiFolder)/node-\(node.name).kubeconfig", user: "system:node:\(node.name)",
          server: configuration.nodeEndpointAddress, client))
    }
    let hollow = try folder.credential("hollow-nodes", .hollowNodes, by: authority)
    return ClusterPKI(
      authority: authority.certificatePath, peerAuthority: peerAuthority.certificatePath,
      servers: servers, nodes: nodes, kubeletClient: kubeletClient, admin: admin,
      serviceAccountKey: signing.key, serviceAccountPublicKey: signing.publicKey,
      kubeconfig: try kubeconfig(
        home.kubeconfig, user: "kubernetes-admin", server: configuration.endpointAddress, admin),
      hollowKubeconfig: try kubeconfig(
        "\(home.pkiFolder)/hollow-nodes.kubeconfig", user: "hollow-nodes",
        server: configuration.endpointAddress, hollow))
  }
}

extension ClusterConfiguration {
  /// Every name and address by which a client may reach the API server.
  func apiHosts(of server: Server) -> [String] {
    [
      "localhost", "127.0.0.1", server.apiAddress.host, endpointAddress.host,
      bridgeAddress.description, kubernetesServiceAddress.description,
    ] + CertificateProfile.kubernetesServiceNames
  }
}

extension CertificateProfile {
  static let administrators = "system:masters"
  static let kubernetesServiceNames = [
    "kubernetes", "kubernetes.default", "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ]

  static func apiServer(hosts: [String]) -> CertificateProfile {
    CertificateProfile(commonName: "kube-apiserver", hosts: hosts, isServer: true)
  }

  static func peer(id: Int) -> CertificateProfile {
    CertificateProfile(
      commonName: "peer-\(id)", organizationalUnit: "store-peer", hosts: ["peer-\(id)"],
      isServer: true, isClient: true)
  }

  static let kubeletClient = CertificateProfile(
    commonName: "kube-apiserver-kubelet-client", organization: administrators, isClient: true)

  static let admin = CertificateProfile(
    commonName: "kubernetes-admin", organization: administrators, isClient: true)

  /// One process plays them all, so it can't be the one node of its name.
  static let hollowNodes = CertificateProfile(
    commonName: "taffrail:hollow-nodes", organization: administrators, isClient: true)

  static func node(name: String) -> CertificateProfile {
    CertificateProfile(
      commonName: "system:node:\(name)", organization: "system:nodes", isClient: true)
  }

  static func kubelet(name: String, address: IPv4Address) -> CertificateProfile {
    CertificateProfile(
      commonName: "system:node:\(name)", organization: "system:nodes",
      hosts: [name, address.description], isServer: true)
  }
}
