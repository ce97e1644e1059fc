import NIOCore
import SeededRuns

/// Makes requests that no server should take, from a seed: the same one always makes the same.
struct RequestFuzzer {
  /// What is sent, and what may come back.
  enum Case {
    /// A request over HTTP/2. `mayWork`: bytes were changed at random, which can leave it valid.
    case request(LoadRequest, mayWork: Bool)
    /// Bytes behind a TLS handshake that agreed on HTTP/2 or HTTP/1.1.
    case bytes([UInt8], isHTTP2: Bool)
  }

  private var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  private mutating func below(_ bound: Int) -> Int { random.next(below: bound) }
  private mutating func pick<T>(_ values: [T]) -> T { random.pick(values) }
  private mutating func noise(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  /// A name that is none, and can stand in a path.
  private mutating func badName() -> String {
    pick(["UPPER", "under_score", "-dash", "dot.", "a..b", "%20", "%00", "%ff%fe", "\u{e4}"])
      + String(random.next() % 1_000)
  }

  mutating func next() -> Case {
    switch below(20) {
    case 0..<4: return .request(brokenBody(), mayWork: false)
    case 4..<7: return .request(wrongTypes(), mayWork: false)
    case 7..<9: return .request(changedBytes(), mayWork: true)
    case 9..<11: return .request(brokenPatch(), mayWork: false)
    case 11..<13: return .request(brokenQuery(), mayWork: false)
    case 13..<15: return .request(brokenPath(), mayWork: false)
    case 15: return .request(brokenEncoding(), mayWork: false)
    case 16..<18: return .bytes(brokenHTTP1(), isHTTP2: false)
    default: return .bytes(brokenHTTP2(), isHTTP2: true)
    }
  }

  private static let path = "/api/v1/namespaces/default/"
  private static let pod = BenchObjects(namespace: "default").pod(1)
  private static let dryRun = "?dryRun=All&fieldValidation=Strict"

  private func post(_ body: [UInt8], _ type: String = "application/json") -> LoadRequest {
    LoadRequest(
      method: "POST", path: Self.path + "pods" + Self.dryRun, contentType: type,
      body: ByteBuffer(bytes: body))
  }

  private mutating func brokenBody() -> LoadRequest {
    let whole = Array(Self.pod.body.readableBytesView)
    switch below(6) {
    case 0: return post(Array(whole.prefix(1 + below(whole.count - 1))))
    case 1: return post(whole + Array(pick(["x", "}", ",", "{}", "]"]).utf8))
    case 2: return post(Array(repeating: pick([0x5B, 0x7B]), count: 1 + below(50_000)))
    case 3: return post([0x7B] + noise(1 + below(2_000)))
    case 4: return post(Array(pick(["null", "1", "\"a\"", "[]", "true", "{}", "[{}]"]).utf8))
    default: return post(Array(#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"\ud800"#.utf8))
    }
  }

  private static let fields = [
    "metadata", "spec", "spec.containers", "metadata.labels", "metadata.annotations",
    "metadata.finalizers", "metadata.ownerReferences", "spec.volumes", "spec.nodeSelector",
    "spec.tolerations", "spec.securityContext", "spec.terminationGracePeriodSeconds",
  ]

  private mutating func wrongTypes() -> LoadRequest {
    let field = pick(Self.fields)
    let isObject = ["metadata", "spec", "metadata.labels", "spec.securityContext"].contains(field)
    let values = [
      "\"text\"", "true", "1.5", "-99999999999999999999999999", "[[[]]]", "\"\\u0000\"",
      isObject ? "[]" : "{\"a\":{}}",
    ]
    let value = pick(values)
    let parts = field.split(separator: ".")
    let last = "{\"\(parts.last ?? "")\":\(value)}"
    let metadata = parts.first == "metadata" && parts.count == 2
    let body =
      parts.count == 1
      ? #"{"apiVersion":"v1","kind":"Pod","\#(field)":\#(value)}"#
      : #"{"apiVersion":"v1","kind":"Pod","metadata":"#
        + (metadata ? last : #"{"name":"a"}"#)
        + (metadata ? #","spec":{}}"# : #","spec":\#(last)}"#)
    return post(Array(body.utf8))
  }

  private mutating func changedBytes() -> LoadRequest {
    var bytes = Array(Self.pod.body.readableBytesView)
    for _ in 0...below(8) { bytes[below(bytes.count)] = UInt8(truncatingIfNeeded: random.next()) }
    return post(bytes)
  }

  private mutating func brokenPatch() -> LoadRequest {
    let type = pick([
      "application/json-patch+json", "application/merge-patch+json",
      "application/strategic-merge-patch+json", "application/apply-patch+yaml", "text/plain", "",
      "application/cbor", "application/json",
    ])
    let body = pick([
      "{", "[", "null", "5", #"[{"op":"frob","path":"/a"}]"#, #"[{"op":"remove"}]"#,
      #"{"metadata":5}"#, "a: [", "\u{0}", #"[{"op":"add","path":"a","value":1}]"#,
    ])
    // There is nothing of this name: a patch that can be read comes to 404.
    return LoadRequest(
      method: "PATCH", path: Self.path + "pods/none-\(below(1_000))" + Self.dryRun,
      contentType: type, body: ByteBuffer(string: body))
  }

  private mutating func brokenQuery() -> LoadRequest {
    let query = pick([
      "limit=x", "limit=1.5", "resourceVersion=abc", "labelSelector=a%20in%20(", "continue=x",
      "fieldSelector=spec.frob%3D1", "labelSelector=%00", "resourceVersionMatch=Exact",
      "resourceVersion=99999999999999999999999", "timeout=soon", "labelSelector=a%3D%3D%3Db",
      "watch=1&resourceVersion=-1", "watch=1&sendInitialEvents=true",
      "watch=1&resourceVersionMatch=Exact", "fieldSelector=%3D%3D,",
      "continue=" + String(repeating: "A", count: 1 + below(3_000)),
    ])
    return .get(Self.path + "pods?" + query)
  }

  private mutating func brokenPath() -> LoadRequest {
    let path = pick([
      "/api/v1/frobs", "/apis/apps/v7/deployments", "/api/v2/pods", "/apis/x/y/z/w/v/u",
      Self.path + "pods/" + badName(), Self.path + "pods/a/frob", "/api/v1/namespaces//pods",
      "/api/v1/nodes/a/b/c/d", "/" + String(repeating: "a/", count: below(500)), "/%", "/%zz",
      "/api/v1/pods/" + String(repeating: "x", count: below(5_000)), "/..", "/api/v1/../v1/frobs",
      "/apis/" + badName() + "/v1/x",
    ])
    return LoadRequest(
      method: pick(["GET", "DELETE", "BREW", "OPTIONS"]), path: path + "?dryRun=All")
  }

  private mutating func brokenEncoding() -> LoadRequest {
    switch below(3) {
    case 0:
      return post(
        Array("k8s\0".utf8) + noise(below(500)), "application/vnd.kubernetes.protobuf")
    case 1: return post(Array("kind: [\n  a: b\n \tc".utf8) + noise(below(100)), "application/yaml")
    default: return post(noise(1 + below(100)), pick(["text/html", "image/png", ";;;", "a/b/c"]))
    }
  }

  private mutating func brokenHTTP1() -> [UInt8] {
    let text = pick([
      "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET  /x  y HTTP/1.1\r\n\r\n",
      "POST /api HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
      "POST /api HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
      "POST /api HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
      "GET /api HTTP/1.1\r\nBad Header: x\r\n\r\n", "GET /api HTTP/1.1\r\n: x\r\n\r\n",
      "\r\n\r\n\r\n\r\nX", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "POST /api HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "GET /api HTTP/1.1\r\nX: " + String(repeating: "y", count: 70_000 + below(20_000))
        + "\r\n\r\n",
    ])
    return below(4) == 0 ? noise(1 + below(3_000)) + [13, 10, 13, 10] : Array(text.utf8)
  }

  private mutating func brokenHTTP2() -> [UInt8] {
    var output = ByteBuffer()
    if below(8) == 0 { return noise(24 + below(500)) }
    LoadFrames.writeStart(into: &output)
    func frame(_ kind: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) {
      LoadFrames.writeHeader(
        length: payload.count, kind: kind, flags: flags, stream: stream, into: &output)
      output.writeBytes(payload)
    }
    switch below(9) {
    case 0: frame(LoadFrames.Kind.headers, 5, 1, noise(1 + below(200)))
    case 1: frame(LoadFrames.Kind.data, 0, 0, noise(below(100)))
    case 2: frame(LoadFrames.Kind.windowUpdate, 0, 0, [0, 0, 0, 0])
    case 3: frame(LoadFrames.Kind.settings, 0, 0, noise(5))
    case 4: frame(LoadFrames.Kind.headers, 5, 2, [0x82, 0x87, 0x84])
    case 5: frame(9, 4, 1, noise(below(100)))
    case 6: frame(LoadFrames.Kind.ping, 0, 0, noise(7))
    case 7:
      LoadFrames.writeHeader(
        length: 0xff_ffff, kind: UInt8(truncatingIfNeeded: random.next()), flags: 0, stream: 1,
        into: &output)
      output.writeBytes(noise(20_000))
    default: frame(LoadFrames.Kind.headers, 5, 0, [0x82])
    }
    return Array(output.readableBytesView)
  }
}
