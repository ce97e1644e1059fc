import JSONDocument
import Keyspace
import KubernetesAPI

extension Registry {
  /// The webhooks of all configurations of a kind, in the order of the configurations' names.
  private func webhooks(_ resource: String, _ state: any KeyspaceReader) throws(APIStatus)
    -> [AdmissionWebhook]
  {
    let prefix = Key(resource: resource, group: Self.policyGroup, namespace: "", name: "")
    var found: [AdmissionWebhook] = []
    for entry in state.entries(prefix: prefix) { found += try policies.webhooks.value(of: entry) }
    return found
  }

  /// Changes an object as mutating webhooks want it, one after the other; those that ask for it
  /// look again where a later one changed something.
  func mutateByWebhooks(
    _ operation: AdmissionAttributes.Operation, _ object: inout JSONValue, old: JSONValue?,
    _ info: ResourceInfo, subresource: String = "", _ context: RequestContext
  ) async throws(APIStatus) {
    guard
      let changed = try await mutated(
        operation, object, old: old, info, subresource: subresource, context)
    else { return }
    object = changed
  }

  /// Shows a deletion to mutating webhooks, which have nothing to change in it.
  func mutateByWebhooks(
    _ operation: AdmissionAttributes.Operation, old: JSONValue, _ info: ResourceInfo,
    _ context: RequestContext
  ) async throws(APIStatus) {
    _ = try await mutated(operation, nil, old: old, info, subresource: "", context)
  }

  /// - Returns: nil where there is no webhook for it.
  private func mutated(
    _ operation: AdmissionAttributes.Operation, _ object: JSONValue?, old: JSONValue?,
    _ info: ResourceInfo, subresource: String, _ context: RequestContext
  ) async throws(APIStatus) -> JSONValue? {
    guard info.group != Self.policyGroup, subresource != "scale",
      configuration.isEnabled(AdmissionPlugin.mutatingAdmissionWebhook)
    else { return nil }
    let state = store.current()
    let webhooks = try webhooks("mutatingwebhookconfigurations", state)
    guard !webhooks.isEmpty else { return nil }
    var attributes = try admissionAttributes(
      operation, object, old: old, info, subresource: subresource, state, context)
    var pending = Array(webhooks.indices)
    for _ in 0..<2 {
      var waiting: [Int] = []
      var again: Set<Int> = []
      for index in pending {
        let webhook = webhooks[index]
        guard try isCalled(webhook, attributes, info, context) else { continue }
        guard
          let response = try await call(
            webhook, attributes, state, isMutating: true, info, context)
        else { continue }
        if let patch = response.patch {
          let changed = try patched(attributes.object, patch, info)
          if changed != attributes.object {
            again.formUnion(waiting)
            waiting = []
            attributes.object = changed
          }
        }
        if webhook.isReinvoked { waiting.append(index) }
      }
      pending = again.sorted()
    }
    return attributes.object
  }

  private func patched(_ object: JSONValue?, _ patch: JSONValue, _ info: ResourceInfo)
    throws(APIStatus) -> JSONValue
  {
    guard let object else {
      throw .internalError(
        "webhook attempted to modify the object, which is not supported for this operation")
    }
    let changed: JSONValue
    do throws(PatchError) {
      changed = try JSONPatch.apply(patch, to: object)
    } catch {
      throw .internalError("\(error)")
    }
    switch Self.completed(changed, like: object, info) {
    case .success(let object): return object
    case .failure(let problem): throw .internalError(problem.message)
    }
  }

  /// Asks validating webhooks, all at once; the first refusal in their order counts.
  func checkWebhooks(
    _ operation: AdmissionAttributes.Operation, _ object: JSONValue?, old: JSONValue?,
    _ info: ResourceInfo, subresource: String = "", _ context: RequestContext
  ) async throws(APIStatus) {
    guard info.group != Self.policyGroup,
      configuration.isEnabled(AdmissionPlugin.validatingAdmissionWebhook)
    else { return }
    let state = store.current()
    let webhooks = try webhooks("validatingwebhookconfigurations", state)
    guard !webhooks.isEmpty else { return }
    let attributes = try admissionAttributes(
      operation, object, old: old, info, subresource: subresource, state, context)
    var called: [AdmissionWebhook] = []
    for webhook in webhooks where try isCalled(webhook, attributes, info, context) {
      called.append(webhook)
    }
    guard !called.isEmpty else { return }
    let asked = called
    let refusals = await withTaskGroup(of: (Int, APIStatus?).self) { group in
      for (index, webhook) in asked.enumerated() {
        group.addTask {
          do throws(APIStatus) {
            _ = try await self.call(
              webhook, attributes, state, isMutating: false, info, context)
            return (index, nil)
          } catch {
            return (index, error)
          }
        }
      }
      return await group.reduce(into: [(Int, APIStatus)]()) { found, result in
        if let refusal = result.1 { found.append((result.0, refusal)) }
      }
    }
    if let first = refusals.min(by: { $0.0 < $1.0 }) { throw first.1 }
  }

  private func isCalled(
    _ webhook: AdmissionWebhook, _ attributes: AdmissionAttributes, _ info: ResourceInfo,
    _ context: RequestContext
  ) throws(APIStatus) -> Bool {
    switch webhook.decide(attributes) {
    case .skip: return false
    case .failed(let problem):
      if webhook.ignoresFailures { return false }
      throw .forbidden(info.gvr, name: attributes.name, problem)
    case .call: break
    }
    guard !context.dryRun || webhook.allowsDryRun else {
      throw .badRequest(
        "admission webhook \(GoFormat.quoted(webhook.name)) does not support dry run")
    }
    return true
  }

  /// - Returns: nil where the webhook gives no answer and may be ignored.
  private func call(
    _ webhook: AdmissionWebhook, _ attributes: AdmissionAttributes, _ state: any KeyspaceReader,
    isMutating: Bool, _ info: ResourceInfo, _ context: RequestContext
  ) async throws(APIStatus) -> AdmissionReview.Response? {
    let response: AdmissionReview.Response
    do throws(WebhookCaller.Failure) {
      response = try await ask(webhook, attributes, state, isMutating: isMutating)
    } catch {
      let problem = "failed calling webhook \(GoFormat.quoted(webhook.name)): \(error.message)"
      if webhook.ignoresFailures {
        logger.warning("\(problem); its failurePolicy lets the write pass")
        return nil
      }
      throw .internalError(problem)
    }
    for warning in response.warnings { context.warnings.add(warning) }
    guard response.isAllowed else { throw Self.refusal(of: webhook, response.status) }
    return response
  }

  private func ask(
    _ webhook: AdmissionWebhook, _ attributes: AdmissionAttributes, _ state: any KeyspaceReader,
    isMutating: Bool
  ) async throws(WebhookCaller.Failure) -> AdmissionReview.Response {
    let uid = Identifier.uuid()
    let review = AdmissionReview.request(
      attributes, uid: uid, version: webhook.reviewVersion)
    let address: WebhookAddress
    do throws(WebhookAddress.Problem) {
      address = try WebhookAddress(webhook) { namespace, name in
        let key = Key(resource: "services", group: "", namespace: namespace, name: name)
        guard let entry = state.get(key),
          let service = try? ObjectCodec.parse(entry.value, key: key)
        else { return nil }
        return service.at("spec", "clusterIP")?.stringValue ?? ""
      }
    } catch {
      throw WebhookCaller.Failure(
        message: "failed to call webhook: Post \(GoFormat.quoted(error.url)): \(error.message)")
    }
    let answer: [UInt8]
    do throws(WebhookCaller.Failure) {
      answer = try await webhookCaller.post(
        review.serialized(), to: address, trusting: webhook.certificateAuthorities,
        timeoutSeconds: webhook.timeoutSeconds)
    } catch {
      throw WebhookCaller.Failure(message: "failed to call webhook: \(error.message)")
    }
    do throws(AdmissionReview.Malformed) {
      return try AdmissionReview.response(
        answer, uid: uid, version: webhook.reviewVersion, isMutating: isMutating)
    } catch {
      throw WebhookCaller.Failure(message: "received invalid webhook response: \(error.message)")
    }
  }

  /// The Status of a refusal, as the webhook words it.
  private static func refusal(of webhook: AdmissionWebhook, _ status: JSONValue?) -> APIStatus {
    let denied = "admission webhook \(GoFormat.quoted(webhook.name)) denied the request"
    let message = status?["message"]?.stringValue ?? ""
    let reason = status?["reason"]?.stringValue ?? ""
    var result = APIStatus(
      code: max(400, Int(status?["code"]?.intValue ?? 400)), reason: reason,
      message: !message.isEmpty
        ? "\(denied): \(message)"
        : !reason.isEmpty ? "\(denied): \(reason)" : "\(denied) without explanation")
    let details = status?["details"]
    result.name = details?["name"]?.stringValue ?? ""
    result.group = details?["group"]?.stringValue ?? ""
    result.kind = details?["kind"]?.stringValue ?? ""
    result.causes = (details?["causes"]?.arrayValue ?? []).map { cause in
      APIStatus.Cause(
        reason: cause["reason"]?.stringValue ?? "", message: cause["message"]?.stringValue ?? "",
        field: cause["field"]?.stringValue ?? "")
    }
    return result
  }
}
