import Foundation
import JSONDocument
import KubernetesAPI
import KubernetesClient

/// Approves what nodes may have without a human, signs what is approved, and removes what nobody
/// needs any more.
struct CertificateController: Sendable {
  static let requests = GroupVersionResource(
    group: "certificates.k8s.io", resource: "certificatesigningrequests")
  static let reviews = GroupVersionResource(
    group: "authorization.k8s.io", resource: "subjectaccessreviews")
  static let cleaningMilliseconds: Int64 = 60_000

  private let context: ControllerContext
  private let issuer: CertificateIssuer?
  private let objects: Informer
  private let queue = WorkQueue<String>()

  @Sendable static func make(_ context: ControllerContext) -> @Sendable () async -> Void {
    let controller = CertificateController(context)
    return {
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          await context.run(controller.queue, workers: 1, reconcile: controller.reconcile)
        }
        group.addTask { await controller.clean() }
      }
    }
  }

  private init(_ context: ControllerContext) {
    self.context = context
    let authority = context.options.clientAuthority
    do {
      issuer = try authority.map {
        try CertificateIssuer(certificatePEM: $0.certificatePEM, keyPEM: $0.keyPEM)
      }
    } catch {
      context.logger.error("the authority can't sign certificates: \(error)")
      issuer = nil
    }
    objects = context.informers.informer(Self.requests)
    let queue = queue
    objects.addHandler { delta in
      if delta.new != nil { queue.add(delta.key.name, cause: delta.revision) }
    }
  }

  @Sendable private func reconcile(_ name: String) async throws -> Requeue? {
    guard let object = objects.get(name: name), !object.meta.isBeingDeleted else { return nil }
    switch CertificatePlanner.state(of: object) {
    case .pending: try await approve(object)
    case .approved: try await sign(object)
    case .finished: break
    }
    return nil
  }

  private func request(of object: JSONValue) -> String {
    let encoded = object.at("spec", "request")?.stringValue ?? ""
    return String(decoding: Base64.decode(encoded) ?? [], as: UTF8.self)
  }

  // MARK: Approving

  private func approve(_ object: JSONValue) async throws {
    guard let request = CertificateIssuer.request(pem: request(of: object)) else { return }
    let subject = CertificateIssuer.subject(of: request)
    for candidate in CertificatePlanner.approvals(object, subject) {
      let review = try await context.client.create(
        Self.reviews, namespace: nil,
        object: CertificatePlanner.question(object, subresource: candidate.subresource))
      guard review.at("status", "allowed")?.boolValue == true else { continue }
      try await write(
        CertificatePlanner.adding(
          "Approved", reason: "AutoApproved", message: candidate.message, to: object,
          now: Timestamp.now.rfc3339()), subresource: "approval")
      return
    }
  }

  // MARK: Signing

  private func sign(_ object: JSONValue) async throws {
    guard let signer = object.at("spec", "signerName")?.stringValue,
      SignerPolicy.all.contains(signer), let issuer
    else { return }
    let usages = Set((object.at("spec", "usages")?.arrayValue ?? []).compactMap(\.stringValue))
    let now = Timestamp.now
    func fail(_ reason: String, _ message: String) async throws {
      try await write(
        CertificatePlanner.adding(
          "Failed", reason: reason, message: message, to: object, now: now.rfc3339()),
        subresource: "status")
    }
    guard let request = CertificateIssuer.request(pem: request(of: object)) else {
      return try await fail("SignerValidationFailure", "the request can't be read")
    }
    let subject = CertificateIssuer.subject(of: request)
    if let problem = SignerPolicy.problem(signer, subject, usages: usages) {
      return try await fail("SignerValidationFailure", problem)
    }
    let certificate: String
    do {
      certificate = try issuer.certificate(
        for: request, usages: usages, seconds: object.at("spec", "expirationSeconds")?.intValue,
        now: Date(timeIntervalSince1970: Double(now.seconds)))
    } catch {
      return try await fail("SigningFailure", "\(error)")
    }
    var signed = object
    signed.set(.string(Base64.encode(certificate.utf8)), at: "status", "certificate")
    try await write(signed, subresource: "status")
  }

  private func write(_ object: JSONValue, subresource: String) async throws {
    do {
      _ = try await ignoringNotFound {
        try await context.client.update(
          Self.requests, namespace: nil, name: object.meta.name, object: object,
          subresource: subresource)
      }
    } catch let status as APIStatus where status.code == 409 {
      // The change that was in the way comes with the next event.
    }
  }

  // MARK: Cleaning

  private func clean() async {
    while (try? await Task.sleep(for: .milliseconds(Self.cleaningMilliseconds))) != nil {
      let now = Timestamp.now.seconds
      for object in objects.list() where CertificatePlanner.isStale(object, nowSeconds: now) {
        do {
          _ = try await ignoringNotFound {
            try await context.client.delete(
              Self.requests, namespace: nil, name: object.meta.name,
              options: DeleteOptions(preconditionUID: object.meta.uid))
          }
        } catch {
          context.logger.debug("removing the request \(object.meta.name): \(error)")
        }
      }
    }
  }
}
