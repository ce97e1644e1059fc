import JSONDocument
import KubernetesAPI
import NIOCore

extension RequestDispatcher {
  /// Passes a container's output on from the kubelet of its node.
  func answerLog(_ call: ResourceCall) async throws(APIStatus) -> APIResponse {
    let (info, query) = (call.info, call.request.query)
    let pod = try await registry.get(
      call.resource, namespace: call.namespace, name: info.name
    ).value()
    let container = try containerName(query["container"] ?? "", pod)
    let nodeName = pod.at("spec", "nodeName")?.stringValue ?? ""
    // Nothing runs yet: there is no output.
    guard !nodeName.isEmpty else {
      var response = APIResponse(status: .noContent, bytes: [])
      response.headers.remove(name: "Content-Type")
      return response
    }
    let nodes = try registry.resource(.nodes)
    let node = try await registry.get(nodes, namespace: nil, name: nodeName).value()
    let addresses = node.at("status", "addresses")?.arrayValue ?? []
    let address =
      addresses.first { $0["type"]?.stringValue == "InternalIP" } ?? addresses.first
    guard let host = address?["address"]?.stringValue else {
      throw .internalError("node \(nodeName) has no address")
    }
    let port =
      node.at("status", "daemonEndpoints", "kubeletEndpoint", "Port")?.intValue ?? 10250
    guard port > 0, port < 65536 else {
      throw .internalError("node \(nodeName) has no kubelet port")
    }
    var parameters: [String] = []
    for name in [
      "follow", "previous", "timestamps", "tailLines", "sinceSeconds", "sinceTime", "limitBytes",
    ] {
      if let value = query[name] { parameters.append("\(name)=\(Self.percentEncoded(value))") }
    }
    var path = "/containerLogs/\(info.namespace)/\(info.name)/\(container)"
    if !parameters.isEmpty { path += "?" + parameters.joined(separator: "&") }
    let response = try await kubelet.fetch(host: host, port: Int(port), path: path)
    guard response.status == .ok else {
      // The kubelet's reason follows its head at once.
      try? await Task.sleep(nanoseconds: 20_000_000)
      let text = response.text
      response.cancel()
      throw APIStatus(
        code: Int(response.status.code), reason: "InternalError",
        message: text.isEmpty
          ? "the kubelet of node \(nodeName) answered \(response.status.code)" : text.trimmedLine)
    }
    return APIResponse(contentType: "text/plain") { stream in response.forward(to: stream) }
  }

  private func containerName(_ asked: String, _ pod: JSONValue) throws(APIStatus) -> String {
    func names(_ list: String) -> [String] {
      pod.at("spec", list)?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
    }
    let containers = names("containers")
    let all = containers + names("initContainers") + names("ephemeralContainers")
    if asked.isEmpty {
      if let only = containers.first, containers.count == 1 { return only }
      throw .badRequest(
        "a container name must be specified for pod \(pod.name), choose one of: "
          + "[\(containers.joined(separator: " "))]")
    }
    guard all.contains(asked) else {
      throw .badRequest("container \(asked) is not valid for pod \(pod.name)")
    }
    return asked
  }

  static func percentEncoded(_ text: String) -> String {
    var result = ""
    let digits = Array("0123456789ABCDEF")
    for byte in text.utf8 {
      let scalar = UnicodeScalar(byte)
      if scalar.isASCII,
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
          || ("0"..."9").contains(scalar) || scalar == "-" || scalar == "." || scalar == "_"
      {
        result.unicodeScalars.append(scalar)
      } else {
        result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return result
  }
}

extension String {
  var trimmedLine: String {
    var text = Substring(self)
    while let last = text.last, last.isNewline || last == " " { text.removeLast() }
    return String(text)
  }
}
