import JSONDocument
import KubernetesAPI

/// Changed bodies and parameters of requests: JSON, protobuf, patches, selectors, values.
struct BodyFuzz: FuzzTarget {
  let name = "bodies"
  private let json: [[UInt8]]
  private let protobuf: [[UInt8]]
  private let patches: [[UInt8]]
  private static let texts = [
    "a in (b, c),!d,e notin (f),g=h", "metadata.name=a,status.phase!=Running", "100m", "1.5Gi",
    "-12e3", "2026-01-02T03:04:05.678901Z", "aGVsbG8gd29ybGQ=",
  ]

  init() throws {
    let pod = BenchObjects(namespace: "default").pod(1).body
    let objects = [Array(pod.readableBytesView), Array(Self.service.utf8)]
    json = objects
    var encoded: [[UInt8]] = []
    for bytes in objects where !bytes.isEmpty {
      if let message = try ProtobufEncoder().encode(try JSONValue(parsing: bytes)) {
        encoded.append(message)
      }
    }
    protobuf = encoded
    patches = [
      #"[{"op":"add","path":"/spec/x~1y/-","value":[1]},{"op":"move","from":"/a/0","path":"/b"}]"#,
      #"[{"op":"test","path":"","value":{}},{"op":"remove","path":"/metadata/labels"}]"#,
      #"{"spec":{"ports":[{"$patch":"delete","name":"a"}],"x":null}}"#,
    ].map { Array($0.utf8) }
  }

  private static let service = """
    {"apiVersion":"v1","kind":"Service","metadata":{"name":"s","labels":{"a":"\\u00e4\\ud83d\\ude00"},
    "creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{"ports":[{"name":"http","port":80,
    "targetPort":"web"},{"port":1500,"targetPort":8080}],"selector":{"a":"b"},"clusterIP":null},
    "status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.1","ports":[]}]}}}
    """

  func run(_ mutator: inout ByteMutator) throws {
    switch mutator.random.next(below: 4) {
    case 0:
      let bytes = mutator.changed(mutator.random.pick(json), splicing: json + patches)
      guard let value = try? JSONValue(parsing: bytes) else { return }
      let again = value.serialized()
      guard (try? JSONValue(parsing: again))?.serialized() == again else {
        throw StoreFuzz.Wrong(description: "JSON that was read is not read again: \(value.text)")
      }
      check(value)
    case 1:
      let bytes = mutator.changed(mutator.random.pick(protobuf), splicing: protobuf)
      if let value = try? ProtobufDecoder.decode(bytes) {
        check(value)
        _ = try? ProtobufEncoder().encode(value)
      }
    case 2:
      let bytes = mutator.changed(mutator.random.pick(patches), splicing: patches)
      guard let patch = try? JSONValue(parsing: bytes),
        let document = try? JSONValue(parsing: mutator.random.pick(json))
      else { return }
      _ = try? JSONPatch.apply(patch, to: document)
      _ = MergePatch.apply(patch, to: document)
    default:
      let bytes = mutator.changed(
        Array(mutator.random.pick(Self.texts).utf8), splicing: Self.texts.map { Array($0.utf8) })
      let text = String(decoding: bytes, as: UTF8.self)
      _ = try? LabelSelector(parsing: text)
      _ = try? FieldSelector(parsing: text)
      _ = Quantity(parsing: text)
      _ = Timestamp(parsing: text)
      _ = Base64.decode(text)
    }
  }

  /// As the object that it says it is.
  private func check(_ value: JSONValue) {
    for resource in [GroupVersionResource.pods, .services] {
      if let info = Catalogue.shared.resource(resource) {
        _ = FieldValidation.check(value, resource: info)
      }
    }
  }
}
