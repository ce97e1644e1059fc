import Foundation
import JSONDocument
import KubernetesAPI
import Testing

/// Protobuf over the wire, both ways, as client-go speaks it.
struct ProtobufTests {
  static let type = "application/vnd.kubernetes.protobuf"

  @Test func objectsListsAndErrorsComeAndGoAsProtobuf() async throws {
    let folder = try TestFolder()
    let server = try await Standalone.start(folder.path + "/data")
    let client = server.client
    let path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    let ingress: JSONValue = [
      "kind": "Ingress", "apiVersion": "networking.k8s.io/v1", "metadata": ["name": "web"],
      "spec": [
        "rules": [
          [
            "host": "a.example",
            "http": [
              "paths": [
                [
                  "path": "/", "pathType": "Prefix",
                  "backend": ["service": ["name": "web", "port": ["number": 80]]],
                ]
              ]
            ],
          ]
        ]
      ],
    ]
    let body = try #require(try ProtobufEncoder().encode(ingress))
    let created = try await client.request(
      "POST", path, body: body, contentType: Self.type, accept: Self.type)
    #expect(created.status == 201, "\(created)")
    #expect(created.headers.lowercased().contains("content-type: \(Self.type)"))
    let object = try ProtobufDecoder.decode(created.bytes)
    #expect(object["spec"] == ingress["spec"])
    #expect(object["metadata"]?["uid"]?.stringValue?.isEmpty == false)
    // What is stored is what JSON shows.
    #expect(try await client.get(path + "/web").json["spec"] == ingress["spec"])

    let list = try await client.request("GET", path, accept: Self.type)
    let items = try ProtobufDecoder.decode(list.bytes)["items"]?.arrayValue
    #expect(items?.first?["metadata"]?["name"] == "web")

    let partial = try await client.request(
      "GET", path, accept: Self.type + ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
    #expect(partial.status == 200)
    #expect(partial.bytes.firstRange(of: Array("PartialObjectMetadataList".utf8)) != nil)

    // Tables have no protobuf form: the next that is accepted is taken, or none.
    let table = Self.type + ";as=Table;g=meta.k8s.io;v=v1"
    let refused = try await client.request("GET", path, accept: table)
    refused.expectStatus(406, "NotAcceptable", "only the following media types")
    let json = try await client.request("GET", path, accept: table + ",application/json")
    #expect(json.json["kind"] == "IngressList")

    let missing = try await client.request("GET", path + "/none", accept: Self.type)
    #expect(missing.status == 404)
    #expect(try ProtobufDecoder.decode(missing.bytes)["reason"] == "NotFound")

    let watched = try await client.request(
      "GET", path + "?watch=1&resourceVersion=0&timeoutSeconds=1", accept: Self.type)
    #expect(watched.headers.lowercased().contains("\(Self.type);stream=watch"))
    #expect(watched.bytes.count > 4)
    let length = watched.bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    #expect(watched.bytes.count == length + 4, "one frame, as long as it says")
    let event = Array(watched.bytes.dropFirst(4))
    #expect(Array(event.prefix(7)) == [0x0A, 5] + Array("ADDED".utf8))
    let start = try #require(event.firstRange(of: [0x6B, 0x38, 0x73, 0])?.lowerBound)
    #expect(try ProtobufDecoder.decode(Array(event[start...]))["metadata"]?["name"] == "web")
    try await server.process.stop().expect(status: 0)
  }
}
