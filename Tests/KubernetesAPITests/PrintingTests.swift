import JSONDocument
import KubernetesAPI
import Testing

@Suite struct PrintingTests {
  static let now = Timestamp(milliseconds: 1_700_000_000_000)

  static func ago(_ seconds: Int64) -> String { now.adding(seconds: -seconds).rfc3339() }

  static let rows: [(String, String, [JSONValue])] = [
    (
      "Pod",
      #"""
      {"metadata":{"name":"a","creationTimestamp":"\#(ago(65))"},"spec":{"nodeName":"n1","containers":[{"name":"c"}]},
       "status":{"phase":"Running","podIPs":[{"ip":"10.0.0.1"}],"containerStatuses":[{"ready":true,"restartCount":2,
        "state":{"running":{}},"lastState":{"terminated":{"finishedAt":"\#(ago(5))"}}}]}}
      """#, ["a", "1/1", "Running", "2 (5s ago)", "65s", "10.0.0.1", "n1", "<none>", "<none>"]
    ),
    (
      "Pod",
      #"""
      {"metadata":{"name":"a"},"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running",
       "containerStatuses":[{"restartCount":0,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}
      """#,
      ["a", "0/1", "CrashLoopBackOff", "0", "<unknown>", "<none>", "<none>", "<none>", "<none>"]
    ),
    (
      "Pod",
      #"""
      {"metadata":{"name":"a"},"spec":{"initContainers":[{"name":"i"}],"containers":[{"name":"c"}]},
       "status":{"phase":"Pending","initContainerStatuses":[{"name":"i","restartCount":1,"state":{"terminated":{"exitCode":2}}}]}}
      """#,
      ["a", "0/1", "Init:ExitCode:2", "1", "<unknown>", "<none>", "<none>", "<none>", "<none>"]
    ),
    (
      "Pod",
      #"""
      {"metadata":{"name":"a","deletionTimestamp":"\#(ago(1))"},"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running"}}
      """#, ["a", "0/1", "Terminating", "0", "<unknown>", "<none>", "<none>", "<none>", "<none>"]
    ),
    (
      "Deployment",
      #"""
      {"metadata":{"name":"a","creationTimestamp":"\#(ago(600))"},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"x"}},
       "template":{"spec":{"containers":[{"name":"c","image":"x:1"},{"name":"d","image":"y"}]}}},"status":{"readyReplicas":1,"updatedReplicas":2,"availableReplicas":1}}
      """#, ["a", "1/3", 2, 1, "10m", "c,d", "x:1,y", "app=x"]
    ),
    (
      "Service",
      #"""
      {"metadata":{"name":"a"},"spec":{"type":"NodePort","clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],
       "selector":{"b":"2","a":"1"},"ports":[{"port":80,"protocol":"TCP","nodePort":30000},{"port":53,"protocol":"UDP"}]}}
      """#,
      ["a", "NodePort", "10.0.0.1", "<none>", "80:30000/TCP,53/UDP", "<unknown>", "a=1,b=2"]
    ),
    (
      "Node",
      #"""
      {"metadata":{"name":"n","labels":{"node-role.kubernetes.io/worker":""}},"spec":{"unschedulable":true},
       "status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"1.2.3.4"}],
       "nodeInfo":{"kubeletVersion":"v1","osImage":"L","kernelVersion":"6","architecture":"amd64","containerRuntimeVersion":"c"}}}
      """#,
      [
        "n", "Ready,SchedulingDisabled", "worker", "<unknown>", "v1", "1.2.3.4", "<none>", "L",
        "6 (amd64)", "c",
      ]
    ),
    (
      "Event",
      #"""
      {"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p"},"type":"Normal","reason":"R","message":"m\n",
       "source":{"component":"kubelet","host":"h"},"firstTimestamp":"\#(ago(100))","lastTimestamp":"\#(ago(10))","count":3}
      """#, ["10s", "Normal", "R", "pod/p", "", "kubelet, h", "m", "100s", 3, "e"]
    ),
    (
      "Endpoints",
      #"""
      {"metadata":{"name":"e"},"subsets":[{"addresses":[{"ip":"1.1.1.1"},{"ip":"1.1.1.2"}],"ports":[{"port":1},{"port":2}]}]}
      """#, ["e", "1.1.1.1:1,1.1.1.2:1,1.1.1.1:2 + 1 more...", "<unknown>"]
    ),
    ("ResourceClaimTemplate", #"{"metadata":{"name":"x"}}"#, ["x", "<unknown>"]),
  ]

  @Test(arguments: rows) func cells(kind: String, text: String, cells: [JSONValue]) throws {
    let found = TablePrinter.cells(
      for: try JSONValue(parsing: text), resource: try info(kind), now: Self.now)
    #expect(found == cells)
  }

  @Test func everyKindFillsItsColumns() {
    for resource in Catalogue.shared.resources {
      let cells = TablePrinter.cells(
        for: ["metadata": ["name": "x"]], resource: resource, now: Self.now)
      // Upstream's printer of IPAddress has an age that no column names.
      let extra = resource.kind == "IPAddress" ? 1 : 0
      #expect(cells.count == TablePrinter.columns(for: resource).count + extra, "\(resource.gvr)")
    }
  }

  @Test func tables() throws {
    let object = try JSONValue(parsing: #"{"metadata":{"name":"x"},"data":{"a":"b"}}"#)
    func table(_ include: TablePrinter.IncludeObject) throws -> JSONValue {
      TablePrinter.table(
        objects: [object], resource: try info("ConfigMap"), includeObject: include,
        resourceVersion: "7", continue: "next", remainingItemCount: 2, now: Self.now)
    }
    let plain = try table(.metadata)
    #expect(
      plain["metadata"] == ["resourceVersion": "7", "continue": "next", "remainingItemCount": 2])
    #expect(plain["rows"]?[0]?.at("object", "kind") == "PartialObjectMetadata")
    #expect(plain["rows"]?[0]?["cells"]?[1] == 1)
    #expect(try table(.none)["rows"]?[0]?["object"] == .null)
    #expect(try table(.object)["rows"]?[0]?.at("object", "data") == ["a": "b"])
    #expect(throws: APIStatus.self) { try TablePrinter.IncludeObject(parsing: "Bogus") }
  }
}
