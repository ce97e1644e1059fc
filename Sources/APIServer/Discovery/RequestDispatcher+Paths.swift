import JSONDocument
import Keyspace
import KubernetesAPI
import NIOCore
import NIOHTTP1

/// Changes the members of the store on request: takes a body, gives a status and an answer.
public typealias ClusterChange =
  @Sendable (_ body: [UInt8]) async -> (status: Int, body: JSONValue)

extension RequestDispatcher {
  static let rootPaths = [
    "/.well-known/openid-configuration", "/api", "/api/v1", "/apis", "/healthz",
    "/healthz/log", "/healthz/ping", "/healthz/store", "/livez", "/livez/log", "/livez/ping",
    "/livez/store", "/metrics", "/openapi/v2", "/openapi/v3", "/openid/v1/jwks", "/readyz",
    "/readyz/log", "/readyz/ping", "/readyz/poststarthook/bootstrap", "/readyz/store",
    "/taffrail/status", "/version",
  ]

  /// Answers a path that is no resource.
  func answerPath(_ request: APIRequest, _ info: RequestInfo, _ user: UserInfo)
    async throws(APIStatus) -> APIResponse
  {
    let segments = info.path.split(separator: "/").map(String.init)
    if segments == ["taffrail", "members"], let clusterChange {
      guard request.method == .POST else { throw .methodNotAllowed }
      let answer = await clusterChange(Array(request.body.readableBytesView))
      return APIResponse(json: answer.body, status: .init(statusCode: answer.status))
    }
    guard request.method == .GET || segments.first == "apis" && segments.count == 2 else {
      throw .methodNotAllowed
    }
    let accept = request.headers.first(name: "accept")
    switch (segments.first, segments.count) {
    case (nil, _):
      return APIResponse(json: ["paths": .array(paths.map { .string($0) })])
    case ("index.html", 1):
      return APIResponse(json: ["paths": .array(paths.map { .string($0) })])
    case ("api", 1):
      if let version = Discovery.aggregatedVersion(accept: accept) {
        return aggregated(version, core: true)
      }
      return try describe(
        discovery.coreVersions(serverAddress: request.headers.first(name: "host") ?? ""), accept)
    case ("apis", 1):
      if let version = Discovery.aggregatedVersion(accept: accept) {
        return aggregated(version, core: false)
      }
      return try describe(discovery.groupList(), accept)
    case ("apis", 2):
      guard let group = discovery.group(segments[1]) else { return Self.pageNotFound }
      return try describe(group, accept)
    case ("api", 2), ("apis", 3):
      let isCore = segments[0] == "api"
      let list = discovery.resourceList(
        group: isCore ? "" : segments[1], version: segments[isCore ? 1 : 2])
      if let list { return try describe(list, accept) }
      if isCore || registry.catalogue.groups.contains(where: { $0.group == segments[1] }) {
        throw .unknownResource
      }
      return Self.pageNotFound
    case ("api", _), ("apis", _): throw .unknownResource
    case ("version", 1): return APIResponse(json: Discovery.version)
    case ("healthz", _), ("livez", _), ("readyz", _):
      return await health(segments, request)
    case ("metrics", 1):
      let text = MetricFamily.text(
        metrics.families(limiter: limiter) + (await serverMetrics()))
      return APIResponse(
        contentType: "text/plain; version=0.0.4; charset=utf-8", bytes: Array(text.utf8))
    case ("openapi", _): return try openAPI(segments, accept: accept)
    case ("taffrail", 2) where segments[1] == "status":
      return APIResponse(json: await clusterStatus())
    case (".well-known", 2) where segments[1] == "openid-configuration":
      return APIResponse(json: [
        "issuer": .string(tokens.issuer),
        "jwks_uri": .string(tokens.issuer + "/openid/v1/jwks"),
        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
      ])
    case ("openid", 3) where segments[2] == "jwks":
      return APIResponse(
        contentType: "application/jwk-set+json", bytes: tokens.keySet.serialized())
    default: return Self.pageNotFound
    }
  }

  private var paths: [String] {
    let custom = registry.customResources.current().groups
    let groups = (registry.catalogue.groups.filter { !$0.group.isEmpty } + custom).flatMap {
      group in
      ["/apis/\(group.group)"] + group.versions.map { "/apis/\(group.group)/\($0)" }
    }
    return (Self.rootPaths + groups).sorted()
  }

  static let pageNotFound = APIResponse(text: "404 page not found\n", status: .notFound)

  /// What the server says of itself, in the form that was asked for.
  private func describe(_ value: JSONValue, _ accept: String?) throws(APIStatus) -> APIResponse {
    let representation = try Representation(accept: accept)
    guard representation.transform == .none else { throw .notAcceptable }
    return try encode(value, representation)
  }

  private func aggregated(_ version: String, core: Bool) -> APIResponse {
    var response = APIResponse(json: discovery.aggregated(version: version, core: core))
    response.headers.replaceOrAdd(
      name: "Content-Type", value: Discovery.aggregatedType + version)
    response.headers.add(name: "Vary", value: "Accept")
    return response
  }

  // MARK: Health

  private func health(_ segments: [String], _ request: APIRequest) async -> APIResponse {
    let isReadiness = segments[0] == "readyz"
    var checks: [(name: String, failure: String?)] = [("ping", nil), ("log", nil)]
    if isReadiness || segments[0] == "healthz" {
      checks.append(("store", await storeFailure()))
      checks.append(
        (
          "poststarthook/bootstrap",
          isStarted ? nil : "the objects that every cluster has are not there yet"
        ))
    }
    if segments.count > 1 {
      let name = segments.dropFirst().joined(separator: "/")
      guard let check = checks.first(where: { $0.name == name }) else {
        return Self.pageNotFound
      }
      guard let failure = check.failure else { return APIResponse(text: "ok") }
      return APIResponse(
        text: "internal server error: \(failure)\n", status: .internalServerError)
    }
    let excluded = request.query.all("exclude")
    let counted = checks.filter { !excluded.contains($0.name) }
    let isHealthy = counted.allSatisfy { $0.failure == nil }
    guard request.query["verbose"] != nil || !isHealthy else { return APIResponse(text: "ok") }
    var text = ""
    for check in checks {
      if excluded.contains(check.name) {
        text += "[+]\(check.name) excluded: ok\n"
      } else if let failure = check.failure {
        text += "[-]\(check.name) failed: \(failure)\n"
      } else {
        text += "[+]\(check.name) ok\n"
      }
    }
    text += "\(segments[0]) check \(isHealthy ? "passed" : "failed")\n"
    return APIResponse(text: text, status: isHealthy ? .ok : .internalServerError)
  }

  private func storeFailure() async -> String? {
    do {
      _ = try await registry.store.barrier()
      return nil
    } catch {
      return "\(error)"
    }
  }

  // MARK: OpenAPI

  /// The protobuf form has had two names.
  private static let openAPIProtobuf = [
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
  ]

  private func openAPIv2Bytes(isProtobuf: Bool = false) -> [UInt8] {
    let documents = OpenAPIDocuments.shared
    guard !registry.customResources.current().isEmpty else {
      return isProtobuf ? documents.v2Protobuf : documents.v2
    }
    return registry.customResources.document(isProtobuf ? "v2 in protobuf" : "v2") { custom in
      isProtobuf
        ? OpenAPI.v2Protobuf(custom: custom.resources) : OpenAPI.v2(custom: custom.resources)
    }
  }

  private func openAPIIndex() -> [UInt8] {
    let builtIn = OpenAPIDocuments.shared.index
    guard !registry.customResources.current().isEmpty else { return builtIn }
    return registry.customResources.document("index") { custom in
      guard var index = try? JSONValue(parsing: builtIn) else { return builtIn }
      for (group, versions) in custom.groups {
        index.set(OpenAPI.rootIndexEntry("apis/\(group)"), at: "paths", "apis/\(group)")
        for version in versions {
          index.set(
            OpenAPI.v3IndexEntry(
              of: custom.resources(group: group, version: version), group: group,
              version: version), at: "paths", OpenAPI.path(group: group, version: version))
        }
      }
      return index.serialized()
    }
  }

  private func openAPIv2(accept: String?) throws(APIStatus) -> APIResponse {
    let accepted = MediaType.list(accept ?? "").map(\.type)
    if accepted.isEmpty { return APIResponse(bytes: openAPIv2Bytes()) }
    for type in accepted {
      if ["application/json", "application/*", "*/*"].contains(type) {
        return APIResponse(bytes: openAPIv2Bytes())
      }
      if Self.openAPIProtobuf.contains(type) {
        return APIResponse(
          contentType: Self.openAPIProtobuf[1], bytes: openAPIv2Bytes(isProtobuf: true))
      }
    }
    throw APIStatus(
      code: 406, reason: "NotAcceptable",
      message: "/openapi/v2 is served as application/json and \(Self.openAPIProtobuf[0])")
  }

  private func openAPI(_ segments: [String], accept: String?) throws(APIStatus) -> APIResponse {
    guard segments.count >= 2 else { return Self.pageNotFound }
    if segments[1] == "v2", segments.count == 2 {
      return try openAPIv2(accept: accept)
    }
    guard segments[1] == "v3" else { return Self.pageNotFound }
    if segments.count == 2 {
      // Upstream says so of its index, if not of the documents.
      return APIResponse(contentType: "text/plain; charset=utf-8", bytes: openAPIIndex())
    }
    let groups =
      registry.catalogue.groups.map(\.group)
      + registry.customResources.current().groups.map(\.group)
    if let root = OpenAPI.rootDocument(
      segments.dropFirst(2).joined(separator: "/"), groups: groups)
    {
      return APIResponse(bytes: root)
    }
    let group: String
    let version: String
    if segments[2] == "api", segments.count == 4 {
      (group, version) = ("", segments[3])
    } else if segments[2] == "apis", segments.count == 5 {
      (group, version) = (segments[3], segments[4])
    } else {
      return Self.pageNotFound
    }
    let custom = registry.customResources.current().resources(group: group, version: version)
    let document =
      custom.isEmpty
      ? OpenAPIDocuments.shared.document(group: group, version: version)
      : registry.customResources.document("\(group)/\(version)") { _ in
        OpenAPI.v3(custom: custom)
      }
    guard let bytes = document else {
      return Self.pageNotFound
    }
    return APIResponse(bytes: bytes)
  }
}
