import JSONDocument
import KubernetesAPI
import Testing

@testable import APIServer

/// What objects become before they are stored, and what is said of them.
@Suite struct PreparationTests {
  private static func resource(_ name: String, _ group: String = "", version: String = "v1") throws
    -> ResourceInfo
  {
    try #require(
      Catalogue.shared.resources.first {
        $0.resource == name && $0.group == group && $0.version == version
      })
  }

  @Test(
    arguments: [
      (
        "leases", "coordination.k8s.io", ["spec": ["strategy": "X", "holderIdentity": "h"]],
        ["spec": ["holderIdentity": "h"]]
      ),
      (
        "endpointslices", "discovery.k8s.io",
        ["endpoints": [["addresses": ["1.2.3.4"], "deprecatedTopology": ["a": "b"]]]],
        ["endpoints": [["addresses": ["1.2.3.4"]]]]
      ),
      ("nodes", "", ["spec": ["configSource": [:], "podCIDR": "x"]], ["spec": ["podCIDR": "x"]]),
      (
        "deployments", "apps",
        [
          "spec": [
            "template": [
              "spec": ["containers": [["name": "c", "lifecycle": ["stopSignal": "SIGHUP"]]]]
            ]
          ]
        ],
        ["spec": ["template": ["spec": ["containers": [["name": "c"]]]]]]
      ),
      (
        "resourceslices", "resource.k8s.io",
        ["spec": ["devices": [["attributes": ["a": ["int": 1, "ints": [1]]]]]]],
        ["spec": ["devices": [["attributes": ["a": ["int": 1]]]]]]
      ),
    ] as [(String, String, JSONValue, JSONValue)])
  func disabledFieldsAreDroppedUnlessTheyAreInUse(
    name: String, group: String, object: JSONValue, left: JSONValue
  ) throws {
    let info = try Self.resource(name, group)
    var new = object
    DisabledFields.drop(from: &new, old: nil, info)
    #expect(new == left)
    var kept = object
    DisabledFields.drop(from: &kept, old: object, info)
    #expect(kept == object)
  }

  @Test(
    arguments: [
      (["podCIDR": "10.0.0.0/24"], ["podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]]),
      (["podCIDRs": ["10.0.0.0/24"]], ["podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]]),
      (
        ["podCIDR": "10.0.0.0/24", "podCIDRs": ["10.1.0.0/24"]],
        ["podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]]
      ),
    ] as [(JSONValue, JSONValue)])
  func aNodesRangesAgree(spec: JSONValue, agreed: JSONValue) {
    var node: JSONValue = ["spec": spec]
    Preparation.agreeOnRanges(&node)
    #expect(node == ["spec": agreed])
  }

  @Test func selectorsGetThePodsOwnLabels() {
    var pod: JSONValue = [
      "metadata": ["labels": ["v": "1"]],
      "spec": [
        "topologySpreadConstraints": [
          ["matchLabelKeys": ["v", "absent"], "labelSelector": ["matchLabels": ["a": "b"]]]
        ],
        "affinity": [
          "podAntiAffinity": [
            "preferredDuringSchedulingIgnoredDuringExecution": [
              ["podAffinityTerm": ["mismatchLabelKeys": ["v"], "labelSelector": [:]]]
            ]
          ]
        ],
      ],
    ]
    Preparation.mergeLabelKeys(&pod)
    #expect(
      pod.at("spec", "topologySpreadConstraints")?[0]?["labelSelector"] == [
        "matchLabels": ["a": "b"],
        "matchExpressions": [["key": "v", "operator": "In", "values": ["1"]]],
      ])
    let term = pod.at(
      "spec", "affinity", "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution")?[0]
    #expect(
      term?.at("podAffinityTerm", "labelSelector") == [
        "matchExpressions": [["key": "v", "operator": "NotIn", "values": ["1"]]]
      ])
  }

  // MARK: Autoscalers

  private static let autoscaler: JSONValue = [
    "apiVersion": "autoscaling/v2", "metadata": ["name": "a", "annotations": ["own": "x"]],
    "spec": [
      "maxReplicas": 3,
      "metrics": [
        [
          "type": "Resource",
          "resource": [
            "name": "cpu", "target": ["type": "Utilization", "averageUtilization": 60],
          ],
        ],
        [
          "type": "Pods",
          "pods": [
            "metric": ["name": "rps"], "target": ["type": "AverageValue", "averageValue": "1500m"],
          ],
        ],
        [
          "type": "Object",
          "object": [
            "describedObject": ["kind": "Ingress", "name": "i"],
            "metric": ["name": "hits", "selector": ["matchLabels": ["a": "b"]]],
            "target": ["type": "AverageValue", "averageValue": "2k"],
          ],
        ],
        [
          "type": "External",
          "external": ["metric": ["name": "q"], "target": ["type": "Value", "value": "30"]],
        ],
      ],
      "behavior": [
        "scaleDown": [
          "selectPolicy": "Min",
          "policies": [["type": "Percent", "value": 10, "periodSeconds": 30]],
        ]
      ],
    ],
    "status": [
      "desiredReplicas": 0,
      "conditions": [["type": "AbleToScale", "status": "True"]],
      "currentMetrics": [
        [
          "type": "Resource",
          "resource": ["name": "cpu", "current": ["averageUtilization": 7, "averageValue": "1"]],
        ]
      ],
    ],
  ]

  @Test func anAutoscalerSurvivesTheOlderVersion() {
    var object = Self.autoscaler
    AutoscalerConversion.toV1(&object)
    #expect(object.at("spec", "targetCPUUtilizationPercentage") == 60)
    #expect(object.at("status", "currentCPUUtilizationPercentage") == 7)
    #expect(object.at("status", "currentReplicas") == 0)
    #expect(object.at("spec", "metrics") == nil && object.at("spec", "behavior") == nil)
    let annotations = object.at("metadata", "annotations")
    #expect(
      annotations?["autoscaling.alpha.kubernetes.io/behavior"]
        == #"{"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Min","Policies":[{"Type":"Percent","Value":10,"PeriodSeconds":30}],"Tolerance":null}}"#
    )
    #expect(
      annotations?["autoscaling.alpha.kubernetes.io/metrics"]?.stringValue?.hasPrefix(
        #"[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"1500m"}},{"type":"Object","object":{"target":{"kind":"Ingress","name":"i"},"metricName":"hits","targetValue":"0","selector""#
      )
        == true)
    AutoscalerConversion.toV2(&object)
    var expected = Self.autoscaler
    // The CPU comes last.
    var metrics = expected.at("spec", "metrics")?.arrayValue ?? []
    metrics.append(metrics.removeFirst())
    expected.set(.array(metrics), at: "spec", "metrics")
    #expect(object == expected)
  }

  // MARK: Resizing

  @Test(
    arguments: [
      (["status": ["allocatable": ["cpu": "200m", "memory": "1Gi"]]], nil),
      (
        ["status": ["allocatable": ["cpu": "120m", "memory": "1Gi"]]],
        "node didn't have enough allocatable resources: cpu, requested: 150, allocatable: 120"
      ),
      (
        ["metadata": ["name": "n", "labels": ["kubernetes.io/os": "windows"]]],
        "pod resize is only supported on linux nodes, node \"n\" is \"windows\""
      ),
    ] as [(JSONValue, String?)])
  func aPodGrowsAsFarAsItsNode(node: JSONValue, refusal: String?) {
    let pod: JSONValue = [
      "spec": ["containers": [["resources": ["requests": ["cpu": "150m"]]]]]
    ]
    #expect(PodResize.refusal(of: pod, on: node)?.message == refusal)
  }

  // MARK: Warnings

  @Test func aDriverIsWarnedOfTokensOnce() throws {
    let info = try Self.resource("csidrivers", "storage.k8s.io")
    let driver: JSONValue = ["spec": ["tokenRequests": [["audience": "a"]]]]
    #expect(ObjectWarnings.ofWrite(driver, old: nil, info).count == 1)
    #expect(ObjectWarnings.ofWrite(driver, old: ["spec": [:]], info).count == 1)
    #expect(ObjectWarnings.ofWrite(driver, old: driver, info) == [])
  }

  @Test func memoryComesInWholeBytes() throws {
    let info = try Self.resource("pods")
    let pod: JSONValue = [
      "spec": ["containers": [["resources": ["requests": ["memory": "500m", "cpu": "500m"]]]]]
    ]
    #expect(
      ObjectWarnings.ofWrite(pod, old: nil, info) == [
        "spec.containers[0].resources.requests[memory]: fractional byte value \"500m\" is invalid, "
          + "must be an integer"
      ])
  }

  @Test(arguments: [
    ("x", "y", "tls: failed to find any PEM data in certificate input"),
    (
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "",
      "tls: failed to find certificate PEM data in certificate input, but did find a private key; "
        + "PEM inputs may have been switched"
    ),
    (
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "tls: found a certificate rather than a key in the PEM for the private key"
    ),
    (
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
      "x509: malformed certificate"
    ),
  ])
  func keysFitTheirCertificates(certificate: String, key: String, problem: String) {
    #expect(KeyPairCheck.problem(certificate: certificate, key: key) == problem)
  }

  // MARK: Through a server

  @Test func tolerationsOfANodeThatIsAwayComeBack() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let path = "/api/v1/namespaces/default/pods"
      let pod: JSONValue = [
        "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "a"],
        "spec": [
          "containers": [["name": "c", "image": "example.com/app:1"]],
          "tolerations": [["key": "k", "operator": "Exists"]],
        ],
      ]
      for _ in 0..<2 {
        let applied = try await admin.send(
          .PATCH, path + "/a?fieldManager=m", pod, contentType: "application/apply-patch+yaml")
        #expect(applied.status == 201 || applied.status == 200)
        #expect(applied.json.at("spec", "tolerations")?.arrayValue?.count == 3)
      }
      #expect(try await admin.get(path + "?dryRun=Bogus").status == 200)
      let wrong = try await admin.send(
        .POST, path, bytes: Array(#"{"apiVersion":1,"kind":"Pod"}"#.utf8),
        contentType: "application/json")
      #expect(wrong.status == 400)
      let level = "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/catch-all"
      #expect(try await admin.get(level).status == 200)
      let changed = try await admin.send(
        .PATCH, level, ["spec": ["limited": ["nominalConcurrencyShares": 6]]],
        contentType: "application/merge-patch+json")
      #expect(changed.status == 422)
    }
  }

  @Test func devicesOfOthersAreForMarkedNamespaces() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let path = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"
      func claim(_ name: String) -> JSONValue {
        [
          "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
          "metadata": ["name": .string(name)],
          "spec": [
            "devices": [
              "requests": [
                ["name": "r", "exactly": ["deviceClassName": "c", "adminAccess": true]]
              ]
            ]
          ],
        ]
      }
      let refused = try await admin.send(.POST, path, claim("a"))
      #expect(refused.status == 422)
      #expect(
        refused.json.at("details", "causes")?[0]?["field"]
          == "spec.devices.requests[0].adminAccess")
      _ = try await admin.send(
        .PATCH, "/api/v1/namespaces/default",
        ["metadata": ["labels": ["resource.kubernetes.io/admin-access": "true"]]],
        contentType: "application/merge-patch+json")
      #expect(try await admin.send(.POST, path, claim("b")).status == 201)
    }
  }

  @Test func aSliceCountsChangesOfItsLabels() async throws {
    try await TestServer.run { server in
      let admin = server.admin
      let path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
      _ = try await admin.send(
        .POST, path,
        [
          "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": ["name": "a"],
          "addressType": "IPv4", "endpoints": [],
        ])
      for (metadata, generation) in [
        (["annotations": ["a": "b"]], 1), (["labels": ["a": "b"]], 2),
      ] as [(JSONValue, Int64)] {
        let changed = try await admin.send(
          .PATCH, path + "/a", ["metadata": metadata], contentType: "application/merge-patch+json")
        #expect(changed.json.at("metadata", "generation")?.intValue == generation)
      }
    }
  }
}
