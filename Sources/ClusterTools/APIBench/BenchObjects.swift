import JSONDocument
import NIOCore

/// The objects that the measurements of the API write, as bytes.
struct BenchObjects: Sendable {
  var namespace: String

  var podsPath: String { "/api/v1/namespaces/\(namespace)/pods" }
  var configMapsPath: String { "/api/v1/namespaces/\(namespace)/configmaps" }

  /// 3.6 KB as it is served, managed fields included; nobody schedules it.
  private static let podTail = JSONValue.object([
    "schedulerName": "nobody", "nodeSelector": ["kubernetes.io/os": "linux"],
    "volumes": [["name": "config", "configMap": ["name": "app-settings"]]],
    "containers": [
      [
        "name": "app", "image": "registry.example.com/team/app:1.2.3",
        "args": ["--listen=:8080", "--log-level=info"],
        "env": .array(
          (0..<6).map { ["name": "SETTING_\($0)", "value": "a value of moderate length \($0)"] }),
        "ports": [["containerPort": 8080, "name": "http"]],
        "resources": [
          "requests": ["cpu": "100m", "memory": "128Mi"], "limits": ["memory": "256Mi"],
        ],
        "readinessProbe": ["httpGet": ["path": "/readyz", "port": 8080], "periodSeconds": 5],
        "volumeMounts": [["name": "config", "mountPath": "/etc/app", "readOnly": true]],
      ]
    ],
  ]).text

  /// One of many pods of one template, as controllers make them.
  func pod(_ number: Int) -> LoadRequest { pod(number, named: "pod", spec: Self.podTail) }

  /// One whose specification no other pod has.
  func unlikePod(_ number: Int) -> LoadRequest {
    pod(
      number, named: "unlike",
      spec: #"{"hostname":"host-\#(number)","# + Self.podTail.dropFirst())
  }

  private func pod(_ number: Int, named prefix: String, spec: String) -> LoadRequest {
    var body = ByteBuffer()
    body.writeString(
      #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\#(prefix)-\#(number)","namespace":""#
        + #"\#(namespace)","labels":{"app":"bench","pod-template-hash":"6d4f9c7b8d","shard":""#
        + #"\#(number % 16)"},"annotations":{"example.com/description":"a pod that only exists "#
        + #"to be measured","prometheus.io/scrape":"true"}},"spec":"#)
    body.writeString(spec)
    body.writeString("}")
    return LoadRequest(
      method: "POST", path: podsPath, contentType: "application/json", body: body)
  }

  func patch(_ number: Int, of pods: Int) -> LoadRequest {
    LoadRequest(
      method: "PATCH", path: "\(podsPath)/pod-\(number % pods)",
      contentType: "application/strategic-merge-patch+json",
      body: ByteBuffer(
        string: #"{"metadata":{"annotations":{"example.com/round":"\#(number)"}}}"#))
  }

  func statusPatch(_ number: Int, of pods: Int) -> LoadRequest {
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map {
      #"{"type":"\#($0)","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}"#
    }.joined(separator: ",")
    return LoadRequest(
      method: "PATCH", path: "\(podsPath)/pod-\(number % pods)/status",
      contentType: "application/strategic-merge-patch+json",
      body: ByteBuffer(
        string: #"{"status":{"phase":"Running","message":"round \#(number)","conditions":["#
          + conditions + "]}}"))
  }

  func delete(_ number: Int) -> LoadRequest {
    LoadRequest(method: "DELETE", path: "\(podsPath)/pod-\(number)")
  }

  func configMap(_ number: Int) -> LoadRequest {
    LoadRequest(
      method: "POST", path: configMapsPath, contentType: "application/json",
      body: ByteBuffer(
        string: #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"map-\#(number)"},"#
          + #""data":{"t":"0000000000000000"}}"#))
  }

  /// Carries the time at which it was sent.
  func touch(_ number: Int, of count: Int, at nanoseconds: UInt64) -> LoadRequest {
    LoadRequest(
      method: "PATCH", path: "\(configMapsPath)/map-\(number % count)",
      contentType: "application/merge-patch+json",
      body: ByteBuffer(string: #"{"data":{"t":"\#(Self.digits(nanoseconds))"}}"#))
  }

  func touchPod(_ number: Int, of pods: Int, at nanoseconds: UInt64) -> LoadRequest {
    LoadRequest(
      method: "PATCH", path: "\(podsPath)/pod-\(number % pods)",
      contentType: "application/merge-patch+json",
      body: ByteBuffer(
        string: #"{"metadata":{"annotations":{"t":"\#(Self.digits(nanoseconds))"}}}"#))
  }

  /// In JSON what stands before those digits.
  static let marker = #""t":""#

  private static func digits(_ nanoseconds: UInt64) -> String {
    let text = String(nanoseconds)
    return String(repeating: "0", count: max(0, 16 - text.count)) + text.suffix(16)
  }
}
