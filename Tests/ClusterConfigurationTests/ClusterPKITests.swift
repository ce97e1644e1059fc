import Crypto
import Foundation
import SwiftASN1
import Testing
import X509

@testable import ClusterConfiguration

struct ClusterPKITests {
  let folder: TemporaryFolder
  let configuration: ClusterConfiguration
  let home: TaffrailHome

  init() throws {
    folder = try TemporaryFolder()
    configuration = try ClusterConfiguration.parse(
      yaml: validConfiguration, path: folder.path + "/cluster.conf")
    home = TaffrailHome(path: folder.path + "/home")
    try home.prepare()
  }

  func text(_ path: String) throws -> String {
    let text = try AtomicFile.read(path)
    return try #require(text)
  }

  func certificate(_ path: String) throws -> Certificate {
    try Certificate(pemEncoded: try text(path))
  }

  func hosts(_ certificate: Certificate) throws -> Set<String> {
    let names = try certificate.extensions.subjectAlternativeNames
    return Set(
      (names.map { Array($0) } ?? []).compactMap { name in
        switch name {
        case .dnsName(let text): text
        case .ipAddress(let address): address.bytes.map { String($0) }.joined(separator: ".")
        default: nil
        }
      })
  }

  func usages(_ certificate: Certificate) throws -> Set<ExtendedKeyUsage.Usage> {
    Set(try certificate.extensions.extendedKeyUsage ?? ExtendedKeyUsage())
  }

  func isTrusted(_ leaf: Certificate, by authority: Certificate) async -> Bool {
    var verifier = Verifier(rootCertificates: CertificateStore([authority])) {
      RFC5280Policy()
    }
    guard
      case .validCertificate = await verifier.validate(
        leaf: leaf, intermediates: CertificateStore([]))
    else { return false }
    return true
  }

  @Test func everyCertificateChainsToItsAuthorityAlone() async throws {
    let pki = try ClusterPKI.ensure(configuration: configuration, home: home)
    let authority = try certificate(pki.authority)
    let peerAuthority = try certificate(pki.peerAuthority)
    let credentials =
      pki.servers.map(\.api) + pki.nodes.flatMap { [$0.client, $0.serving] }
      + [pki.admin, pki.kubeletClient]
    #expect(credentials.count == 9)
    for credential in credentials {
      let leaf = try certificate(credential.certificate)
      #expect(await isTrusted(leaf, by: authority))
      #expect(await !isTrusted(leaf, by: peerAuthority))
    }
    for server in pki.servers {
      let leaf = try certificate(server.peer.certificate)
      #expect(await isTrusted(leaf, by: peerAuthority))
      #expect(await !isTrusted(leaf, by: authority))
    }
  }

  @Test func certificatesNameWhomTheyShould() throws {
    let pki = try ClusterPKI.ensure(configuration: configuration, home: home)
    let api = try certificate(#require(pki.server(id: 2)).api.certificate)
    #expect(
      try hosts(api) == [
        "localhost", "127.0.0.1", "172.29.66.1", "10.96.0.1", "kubernetes", "kubernetes.default",
        "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
      ])
    #expect(try usages(api) == [.serverAuth])

    let peer = try certificate(#require(pki.server(id: 3)).peer.certificate)
    #expect(try hosts(peer) == ["peer-3"])
    #expect(try usages(peer) == [.serverAuth, .clientAuth])

    let node = try #require(pki.node(named: "worker-2"))
    #expect(
      try certificate(node.client.certificate).subject.description
        == "CN=system:node:worker-2,O=system:nodes")
    #expect(try hosts(try certificate(node.serving.certificate)) == ["worker-2", "172.29.66.12"])
    #expect(
      try certificate(pki.admin.certificate).subject.description
        == "CN=kubernetes-admin,O=system:masters")
    let kubelet = try certificate(pki.kubeletClient.certificate)
    #expect(kubelet.subject.description == "CN=kube-apiserver-kubelet-client,O=system:masters")
    #expect(try usages(kubelet) == [.clientAuth])
  }

  @Test func secretsAreForTheOwnerOnly() throws {
    let pki = try ClusterPKI.ensure(configuration: configuration, home: home)
    let names = try FileManager.default.contentsOfDirectory(atPath: home.pkiFolder)
    let secrets = names.filter { $0.hasSuffix(".key") || $0.hasSuffix(".kubeconfig") }
    #expect(secrets.count == 19)
    for name in secrets {
      #expect(try fileMode("\(home.pkiFolder)/\(name)") == 0o600, "\(name)")
    }
    #expect(try fileMode(pki.kubeconfig) == 0o600)
    // Rights given away by hand are taken back.
    chmod(pki.admin.key, 0o644)
    chmod(pki.kubeconfig, 0o644)
    try ClusterPKI.ensure(configuration: configuration, home: home)
    #expect(try fileMode(pki.admin.key) == 0o600)
    #expect(try fileMode(pki.kubeconfig) == 0o600)
  }

  /// The content of every file, by name.
  func contents() throws -> [String: String] {
    var all: [String: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: home.pkiFolder) {
      all[name] = try AtomicFile.read("\(home.pkiFolder)/\(name)")
    }
    all["kubeconfig"] = try AtomicFile.read(home.kubeconfig)
    return all
  }

  @Test func aSecondRunKeepsEverything() throws {
    let first = try ClusterPKI.ensure(configuration: configuration, home: home)
    let before = try contents()
    #expect(try ClusterPKI.ensure(configuration: configuration, home: home) == first)
    #expect(try contents() == before)
  }

  @Test func onlyWhatEndsSoonIsRenewed() throws {
    let now = Date()
    try ClusterPKI.ensure(configuration: configuration, home: home, now: now)
    let before = try contents()
    let later = now.addingTimeInterval(340 * 86400)
    let pki = try ClusterPKI.ensure(configuration: configuration, home: home, now: later)
    let after = try contents()
    for kept in ["ca.crt", "ca.key", "peer-ca.crt", "service-account.key"] {
      #expect(before[kept] == after[kept], "\(kept)")
    }
    for renewed in ["admin.crt", "server-1-api.crt", "server-1-peer.crt", "kubeconfig"] {
      #expect(before[renewed] != after[renewed], "\(renewed)")
    }
    #expect(try certificate(pki.admin.certificate).notValidAfter > later)
  }

  @Test func aChangedAddressRenewsTheCertificatesThatNameIt() throws {
    try ClusterPKI.ensure(configuration: configuration, home: home)
    let before = try contents()
    var changed = configuration
    changed.endpointAddress.host = "api.example"
    let pki = try ClusterPKI.ensure(configuration: changed, home: home)
    let after = try contents()
    #expect(try hosts(certificate(pki.servers[0].api.certificate)).contains("api.example"))
    #expect(before["server-1-api.key"] != after["server-1-api.key"])
    #expect(before["admin.crt"] == after["admin.crt"])
    #expect(after["kubeconfig"]?.contains("https://api.example:6443") == true)
  }

  @Test func damagedCertificatesAreReplacedAndDamagedAuthoritiesReported() throws {
    let pki = try ClusterPKI.ensure(configuration: configuration, home: home)
    try AtomicFile.write("garbage", to: pki.admin.certificate, mode: 0o644)
    try AtomicFile.write("garbage", to: pki.kubeletClient.key, mode: 0o600)
    try ClusterPKI.ensure(configuration: configuration, home: home)
    #expect(throws: Never.self) { try certificate(pki.admin.certificate) }

    for (name, garbage) in [
      ("ca.key", "garbage"), ("peer-ca.crt", "x"), ("service-account.key", "y"),
    ] {
      let path = "\(home.pkiFolder)/\(name)"
      let original = try text(path)
      try AtomicFile.write(garbage, to: path, mode: 0o600)
      let error = #expect(throws: HomeError.self) {
        try ClusterPKI.ensure(configuration: configuration, home: home)
      }
      #expect(error?.path == path)
      #expect(error?.message.contains("damaged") == true)
      try AtomicFile.write(original, to: path, mode: 0o600)
    }
    try FileManager.default.removeItem(atPath: "\(home.pkiFolder)/ca.key")
    #expect(throws: HomeError.self) {
      try ClusterPKI.ensure(configuration: configuration, home: home)
    }
  }

  @Test func kubeconfigsHoldWhatAClientNeeds() throws {
    let pki = try ClusterPKI.ensure(configuration: configuration, home: home)
    let admin = try text(pki.kubeconfig)
    #expect(admin.contains("server: \"https://127.0.0.1:6443\""))
    let line = try #require(
      admin.split(separator: "\n").first { $0.contains("client-certificate-data:") })
    let encoded = try #require(line.split(separator: " ").last)
    let data = try #require(Data(base64Encoded: String(encoded)))
    #expect(
      try Certificate(pemEncoded: String(decoding: data, as: UTF8.self)).subject.description
        == "CN=kubernetes-admin,O=system:masters")
    let first = try #require(pki.nodes.first)
    let node = try text(first.kubeconfig)
    #expect(node.contains("server: \"https://172.29.66.1:6443\""))
    #expect(node.contains("user: \"system:node:worker-1\""))
  }

  @Test func serviceAccountKeysBelongTogether() throws {
    let pki = try ClusterPKI.ensure(configuration: configuration, home: home)
    let key = try P256.Signing.PrivateKey(
      pemRepresentation: try text(pki.serviceAccountKey))
    let publicKey = try P256.Signing.PublicKey(
      pemRepresentation: try text(pki.serviceAccountPublicKey))
    let message = Data("token".utf8)
    #expect(publicKey.isValidSignature(try key.signature(for: message), for: message))
  }

  @Test func oneServerAloneGetsItsKeys() throws {
    let directory = folder.path + "/alone"
    let pki = try StandalonePKI.ensure(directory: directory, hosts: ["10.1.2.3", "example.org"])
    let names = try hosts(certificate(pki.api.certificate))
    #expect(names.isSuperset(of: ["localhost", "127.0.0.1", "10.1.2.3", "example.org"]))
    #expect(
      try StandalonePKI.ensure(directory: directory, hosts: ["10.1.2.3", "example.org"]) == pki)
    #expect(try pki.kubeconfig(server: "https://127.0.0.1:1").yaml.contains("https://127.0.0.1:1"))
  }
}
