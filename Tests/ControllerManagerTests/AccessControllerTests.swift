import Crypto
import Foundation
import JSONDocument
import KubernetesAPI
import Testing
import X509

@testable import ControllerManager

@Suite struct AccessControllerTests {
  @Test func aUnionIsWhatItsSelectorsSelect() {
    func role(_ name: String, label: String?, _ verb: String) -> JSONValue {
      var value: JSONValue = [
        "metadata": ["name": .string(name)], "rules": [["verbs": [.string(verb)]]],
      ]
      if let label { value.set("true", at: "metadata", "labels", label) }
      return value
    }
    var union = role("u", label: "to-u", "old")
    union["aggregationRule"] = [
      "clusterRoleSelectors": [["matchLabels": ["to-u": "true"]]]
    ]
    let roles = [
      role("b", label: "to-u", "two"), role("a", label: "to-u", "one"),
      role("c", label: nil, "three"), role("d", label: "to-u", "one"), union,
    ]
    #expect(
      RoleAggregation.rules(of: union, among: roles)
        == [["verbs": ["one"]], ["verbs": ["two"]]])
    #expect(RoleAggregation.isUnion(union))
    #expect(!RoleAggregation.isUnion(roles[0]))
  }

  @Test func aQuotaIsCountedWhenSomethingGoes() {
    let quota: JSONValue = [
      "metadata": ["name": "q", "namespace": "n"],
      "spec": ["hard": ["pods": "2", "count/deployments.apps": "1"]],
    ]
    let resources = QuotaPlanner.resources(countedBy: quota, definitions: [])
    #expect(Set(resources.map(\.resource)) == ["pods", "deployments"])
    let counted = QuotaPlanner.counted(
      quota, objects: [(.pods, [["status": ["phase": "Running"]]]), (.deployments, [])],
      nowSeconds: 0)
    #expect(
      counted?["status"] == [
        "hard": ["pods": "2", "count/deployments.apps": "1"],
        "used": ["count/deployments.apps": "0", "pods": "1"],
      ])
    #expect(
      QuotaPlanner.counted(
        counted ?? .null,
        objects: [(.pods, [["status": ["phase": "Running"]]]), (.deployments, [])],
        nowSeconds: 0) == nil)
    let running: JSONValue = ["status": ["phase": "Running"]]
    #expect(QuotaPlanner.freesRoom(running, nil, .pods))
    #expect(QuotaPlanner.freesRoom(running, ["status": ["phase": "Failed"]], .pods))
    #expect(!QuotaPlanner.freesRoom(running, running, .pods))
    #expect(!QuotaPlanner.freesRoom(nil, running, .pods))
  }

  @Test(arguments: [("Namespaced", ["widgets.v1.example.com"]), ("Cluster", [])])
  func aQuotaCountsCustomResources(scope: String, counted: [String]) throws {
    let definition = try #require(
      ServedDefinition([
        "metadata": ["name": "widgets.example.com"],
        "spec": [
          "group": "example.com", "scope": .string(scope),
          "names": ["plural": "widgets", "kind": "Widget"],
          "versions": [["name": "v1", "served": true, "storage": true]],
        ],
        "status": [
          "acceptedNames": ["plural": "widgets", "kind": "Widget"],
          "conditions": [["type": "Established", "status": "True"]],
        ],
      ]))
    let quota: JSONValue = ["spec": ["hard": ["count/widgets.example.com": "3"]]]
    let resources = QuotaPlanner.resources(countedBy: quota, definitions: [definition])
    #expect(resources.map { "\($0.resource).\($0.version).\($0.group)" } == counted)
    guard let resource = resources.first else { return }
    let updated = QuotaPlanner.counted(quota, objects: [(resource, [[:], [:]])], nowSeconds: 0)
    #expect(updated?.at("status", "used") == ["count/widgets.example.com": "2"])
  }

  @Test func whatIsUsedIsKept() {
    func pod(node: String, phase: String) -> JSONValue {
      [
        "metadata": ["name": "p"],
        "spec": [
          "nodeName": .string(node),
          "volumes": [
            ["name": "a", "persistentVolumeClaim": ["claimName": "c"]],
            ["name": "e", "ephemeral": [:]],
          ],
        ], "status": ["phase": .string(phase)],
      ]
    }
    #expect(StorageProtection.uses(pod(node: "n", phase: "Running"), claim: "c"))
    #expect(StorageProtection.uses(pod(node: "n", phase: "Running"), claim: "p-e"))
    #expect(!StorageProtection.uses(pod(node: "n", phase: "Running"), claim: "d"))
    #expect(!StorageProtection.uses(pod(node: "", phase: "Pending"), claim: "c"))
    #expect(!StorageProtection.uses(pod(node: "n", phase: "Succeeded"), claim: "c"))
  }

  // MARK: Certificates

  struct Request: Sendable {
    var signer: String
    var name = "system:node:a"
    var organizations = ["system:nodes"]
    var hosts = 0
    var usages: Set<String>
    var isFine: Bool
  }

  @Test(arguments: [
    Request(
      signer: SignerPolicy.kubeletClient, usages: ["digital signature", "client auth"],
      isFine: true),
    Request(
      signer: SignerPolicy.kubeletClient,
      usages: ["digital signature", "key encipherment", "client auth"], isFine: true),
    Request(
      signer: SignerPolicy.kubeletClient, usages: ["digital signature", "server auth"],
      isFine: false),
    Request(
      signer: SignerPolicy.kubeletClient, organizations: ["system:masters"],
      usages: ["digital signature", "client auth"], isFine: false),
    Request(
      signer: SignerPolicy.kubeletClient, hosts: 1,
      usages: ["digital signature", "client auth"], isFine: false),
    Request(
      signer: SignerPolicy.kubeletServing, hosts: 1,
      usages: ["digital signature", "server auth"], isFine: true),
    Request(
      signer: SignerPolicy.kubeletServing, usages: ["digital signature", "server auth"],
      isFine: false),
    Request(
      signer: SignerPolicy.client, name: "ann", organizations: [], usages: ["client auth"],
      isFine: true),
    Request(
      signer: SignerPolicy.client, name: "ann", organizations: [],
      usages: ["client auth", "server auth"], isFine: false),
  ])
  func signersSignWhatTheyAreFor(_ request: Request) {
    let subject = SignerPolicy.Subject(
      commonName: request.name, organizations: request.organizations, hosts: request.hosts)
    let problem = SignerPolicy.problem(request.signer, subject, usages: request.usages)
    #expect((problem == nil) == request.isFine, "\(problem ?? "")")
  }

  @Test func aCertificateSaysWhatWasAskedFor() throws {
    let authorityKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let name = try DistinguishedName { CommonName("ca") }
    let start = Date(timeIntervalSince1970: 1_800_000_000)
    let authority = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: authorityKey.publicKey,
      notValidBefore: start, notValidAfter: start.addingTimeInterval(86_400 * 3650),
      issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
      }, issuerPrivateKey: authorityKey)
    let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
    let request = try CertificateSigningRequest(
      version: .v1,
      subject: try DistinguishedName {
        OrganizationName("system:nodes")
        CommonName("system:node:a")
      }, privateKey: key, attributes: CertificateSigningRequest.Attributes())
    let read = try #require(
      CertificateIssuer.request(pem: try request.serializeAsPEM().pemString))
    let subject = CertificateIssuer.subject(of: read)
    #expect(subject.commonName == "system:node:a")
    #expect(subject.organizations == ["system:nodes"])
    let issuer = try CertificateIssuer(
      certificatePEM: try authority.serializeAsPEM().pemString,
      keyPEM: try authorityKey.serializeAsPEM().pemString)
    let text = try issuer.certificate(
      for: read, usages: ["digital signature", "client auth"], seconds: 3600, now: start)
    let certificate = try Certificate(pemEncoded: text)
    #expect(certificate.subject == request.subject)
    #expect(certificate.notValidAfter == start.addingTimeInterval(3600))
    #expect(authority.publicKey.isValidSignature(certificate.signature, for: certificate))
    #expect(try certificate.extensions.extendedKeyUsage?.contains(.clientAuth) == true)
    #expect(CertificateIssuer.request(pem: "nothing") == nil)
    #expect(CertificateIssuer.end(ofPEM: text) == 1_800_003_600)
  }

  @Test func requestsAreApprovedByRightsAndRemovedWhenOld() {
    func object(_ user: String, _ conditions: JSONValue = []) -> JSONValue {
      [
        "metadata": ["name": "r", "creationTimestamp": "2026-01-01T00:00:00Z"],
        "spec": [
          "signerName": .string(SignerPolicy.kubeletClient), "username": .string(user),
          "usages": ["digital signature", "client auth"],
        ], "status": ["conditions": conditions],
      ]
    }
    let subject = SignerPolicy.Subject(
      commonName: "system:node:a", organizations: ["system:nodes"])
    #expect(
      CertificatePlanner.approvals(object("system:bootstrap:x"), subject).map(\.subresource)
        == ["nodeclient"])
    #expect(
      CertificatePlanner.approvals(object("system:node:a"), subject).map(\.subresource)
        == ["selfnodeclient", "nodeclient"])
    let other = SignerPolicy.Subject(commonName: "admin", organizations: ["system:masters"])
    #expect(CertificatePlanner.approvals(object("x"), other).isEmpty)
    let created: Int64 = 1_767_225_600
    #expect(!CertificatePlanner.isStale(object("x"), nowSeconds: created + 3600))
    #expect(CertificatePlanner.isStale(object("x"), nowSeconds: created + 25 * 3600))
    let denied: JSONValue = [
      ["type": "Denied", "status": "True", "lastUpdateTime": "2026-01-01T00:00:00Z"]
    ]
    #expect(!CertificatePlanner.isStale(object("x", denied), nowSeconds: created + 3599))
    #expect(CertificatePlanner.isStale(object("x", denied), nowSeconds: created + 3602))
  }
}
