import Foundation

/// The keys of one server alone, without `cluster.conf`: for tests and single-process use.
public struct StandalonePKI: Sendable, Hashable {
  public var authority: String
  public var peerAuthority: String
  /// For the names and addresses given, `localhost` and 127.0.0.1.
  public var api: Credential
  /// DNS name `peer-1`.
  public var peer: Credential
  public var kubeletClient: Credential
  public var admin: Credential
  public var serviceAccountKey: String
  public var serviceAccountPublicKey: String

  /// The private key of the API's authority, which stands beside its certificate.
  public var authorityKey: String {
    authority.hasSuffix(".crt") ? String(authority.dropLast(4)) + ".key" : authority + ".key"
  }

  /// Makes what is missing in `directory`, keeps the rest.
  ///
  /// - Throws: `HomeError` where a file can't be read or written or an authority is damaged.
  public static func ensure(directory: String, hosts: [String], now: Date = Date()) throws
    -> StandalonePKI
  {
    try AtomicFile.createFolder(directory)
    let lock = try FileLock.wait(path: "\(directory)/lock")
    defer { withExtendedLifetime(lock) {} }
    let folder = KeyFolder(path: directory, now: now)
    let authority = try folder.authority("ca", commonName: "taffrail-ca")
    let peerAuthority = try folder.authority("peer-ca", commonName: "taffrail-peer-ca")
    let signing = try folder.signingKey("service-account")
    let names =
      ["localhost", "127.0.0.1"] + hosts + CertificateProfile.kubernetesServiceNames
    return StandalonePKI(
      authority: authority.certificatePath, peerAuthority: peerAuthority.certificatePath,
      api: try folder.credential("api", .apiServer(hosts: names), by: authority),
      peer: try folder.credential("peer", .peer(id: 1), by: peerAuthority),
      kubeletClient: try folder.credential(
        "kube-apiserver-kubelet-client", .kubeletClient, by: authority),
      admin: try folder.credential("admin", .admin, by: authority),
      serviceAccountKey: signing.key, serviceAccountPublicKey: signing.publicKey)
  }

  /// The administrator's kubeconfig for the server at `https://HOST:PORT`.
  public func kubeconfig(server: String) throws -> Kubeconfig {
    try Kubeconfig(
      cluster: "taffrail", user: "kubernetes-admin", server: server, authority: authority,
      credential: admin)
  }
}
