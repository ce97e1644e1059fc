import JSONDocument
import Testing

@testable import KubernetesAPI

/// Rules of single kinds: an object without its name, and the fields at fault.
struct RuleTableTests {
  private static func resource(_ kind: String, _ group: String) throws -> ResourceInfo {
    try #require(
      Catalogue.shared.resources.first {
        $0.kind == kind && $0.group == group && $0.version != "v2"
      })
  }

  private static func named(_ object: JSONValue, _ resource: ResourceInfo) -> JSONValue {
    var object = object
    var metadata = object["metadata"] ?? [:]
    metadata["name"] = metadata["name"] ?? "a"
    if resource.namespaced { metadata["namespace"] = "n" }
    object["metadata"] = metadata
    return object
  }

  private static let event: JSONValue = [
    "eventTime": "2020-01-02T03:04:05.000001Z", "action": "Act", "reason": "Why", "type": "Normal",
    "reportingController": "example.com/c", "reportingInstance": "i",
    "regarding": ["kind": "Pod", "namespace": "n", "name": "p"],
  ]

  private static func event(_ changes: JSONValue) -> JSONValue {
    MergePatch.apply(changes, to: event)
  }

  private static func container(_ members: JSONValue) -> JSONValue {
    MergePatch.apply(members, to: ["name": "c", "image": "x"])
  }

  private static func pod(_ spec: JSONValue) -> JSONValue {
    ["spec": MergePatch.apply(spec, to: ["containers": [["name": "c", "image": "x"]]])]
  }

  static let creations: [(String, String, JSONValue, [String])] = [
    ("Event", "events.k8s.io", event, []),
    ("Event", "events.k8s.io", event(["eventTime": .null]), ["eventTime"]),
    (
      "Event", "events.k8s.io", event(["reportingController": ""]),
      ["reportingController", "reportingController", "reportingController"]
    ),
    (
      "Event", "events.k8s.io",
      event(["deprecatedCount": 3, "deprecatedSource": ["host": "h"], "type": "Odd"]),
      ["type", "count", "source"]
    ),
    (
      "Event", "events.k8s.io",
      event(["reason": .string(String(repeating: "r", count: 129)), "series": ["count": 1]]),
      ["reason", "series.count", "series.lastObservedTime"]
    ),
    // The older group is strict only about what the newer one would be asked for as well.
    ("Event", "", ["involvedObject": ["namespace": "m"]], ["involvedObject.namespace"]),
    ("Event", "", ["involvedObject": ["namespace": "n"], "type": "Odd"], []),
    (
      "EndpointSlice", "discovery.k8s.io",
      [
        "addressType": "IPv4",
        "endpoints": [
          [
            "addresses": ["1.2.3.4"],
            "hints": ["forZones": [["name": "A b"]], "forNodes": [["name": "n"], ["name": "n"]]],
          ]
        ],
      ],
      ["endpoints[0].hints.forZones[0].name", "endpoints[0].hints.forNodes[1].name"]
    ),
    (
      "CSIStorageCapacity", "storage.k8s.io", ["storageClassName": "s", "maximumVolumeSize": "-1"],
      []
    ),
    (
      "CSIStorageCapacity", "storage.k8s.io", ["storageClassName": "s", "capacity": "-1"],
      ["capacity"]
    ),
    (
      "DaemonSet", "apps",
      [
        "spec": [
          "updateStrategy": ["type": "OnDelete"],
          "template": ["spec": ["containers": [["name": "c", "image": "x"]]]],
        ]
      ], ["spec.template.metadata.labels"]
    ),
    (
      "ClusterRole", "rbac.authorization.k8s.io",
      ["aggregationRule": ["clusterRoleSelectors": [["matchLabels": ["a b": "c"]]]]],
      [
        "aggregationRule.clusterRoleSelectors[0].matchLabels",
        "aggregationRule.clusterRoleSelectors[0]",
      ]
    ),
    (
      "ConfigMap", "", ["metadata": ["generateName": .string(String(repeating: "n", count: 300))]],
      ["metadata.generateName"]
    ),
    ("ConfigMap", "", ["metadata": ["generateName": "X-"]], []),
    (
      "PersistentVolume", "",
      [
        "spec": [
          "capacity": ["storage": "1Gi"], "accessModes": ["ReadWriteOnce"],
          "hostPath": ["path": "/x"], "nodeAffinity": [:],
        ]
      ], ["spec.nodeAffinity.required"]
    ),
    (
      "LimitRange", "",
      [
        "spec": [
          "limits": [
            ["type": "Pod", "default": ["cpu": "1"]],
            ["type": "Container", "min": ["cpu": "2"], "max": ["cpu": "1"]],
            ["type": "PersistentVolumeClaim"], ["type": "Pod"],
          ]
        ]
      ],
      [
        "spec.limits[0].default", "spec.limits[1].min[cpu]", "spec.limits[2].limits",
        "spec.limits[3].type",
      ]
    ),
    ("ControllerRevision", "apps", ["revision": -1], ["data", "revision"]),
    (
      "PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io",
      [
        "metadata": ["name": "catch-all"],
        "spec": [
          "type": "Limited",
          "limited": ["nominalConcurrencyShares": 6, "limitResponse": ["type": "Reject"]],
        ],
      ], ["spec"]
    ),
    (
      "Pod", "",
      pod([
        "affinity": [
          "podAffinity": [
            "preferredDuringSchedulingIgnoredDuringExecution": [
              ["weight": 0, "podAffinityTerm": ["topologyKey": "zone", "matchLabelKeys": ["a"]]]
            ]
          ],
          "nodeAffinity": [
            "requiredDuringSchedulingIgnoredDuringExecution": [
              "nodeSelectorTerms": [
                ["matchFields": [["key": "metadata.nope", "operator": "Exists"]]]
              ]
            ]
          ],
        ]
      ]),
      [
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
          + ".nodeSelectorTerms[0].matchFields[0].operator",
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
          + ".nodeSelectorTerms[0].matchFields[0].key",
        "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight",
        "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]"
          + ".podAffinityTerm.matchLabelKeys",
      ]
    ),
    (
      "Pod", "",
      pod([
        "securityContext": ["seccompProfile": ["type": "Localhost"]], "hostPID": true,
        "shareProcessNamespace": true,
      ]),
      [
        "spec.securityContext.seccompProfile.localhostProfile",
        "spec.securityContext.shareProcessNamespace",
      ]
    ),
    (
      "Pod", "",
      pod([
        "os": ["name": "windows"], "securityContext": ["runAsUser": 1],
        "containers": [
          container(["securityContext": ["allowPrivilegeEscalation": false, "privileged": true]])
        ],
      ]),
      [
        "spec.containers[0].securityContext", "spec.securityContext.runAsUser",
        "spec.containers[0].securityContext.privileged",
        "spec.containers[0].securityContext.allowPrivilegeEscalation",
      ]
    ),
    (
      "Pod", "",
      pod([
        "resourceClaims": [["name": "g"]],
        "containers": [
          container([
            "resources": ["claims": [["name": "x"]]],
            "resizePolicy": [["resourceName": "disk", "restartPolicy": "NotRequired"]],
          ])
        ],
      ]),
      [
        "spec.containers[0].resizePolicy[0].resourceName",
        "spec.containers[0].resources.claims[0].name", "spec.resourceClaims[0]",
      ]
    ),
    (
      "Pod", "",
      pod([
        "volumes": [
          ["name": "a", "secret": ["secretName": "s", "items": [["key": "k", "path": "../x"]]]],
          ["name": "b", "configMap": ["name": "c", "defaultMode": 512]],
          ["name": "d", "flexVolume": [:]],
        ]
      ]),
      [
        "spec.volumes[0].secret.items[0].path", "spec.volumes[1].configMap.defaultMode",
        "spec.volumes[2].flexVolume.driver",
      ]
    ),
    (
      "Pod", "",
      [
        "metadata": ["labels": ["v": "1"]],
        "spec": [
          "containers": [["name": "c", "image": "x"]],
          "topologySpreadConstraints": [
            [
              "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
              "matchLabelKeys": ["v"],
              "labelSelector": [
                "matchExpressions": [["key": "v", "operator": "In", "values": ["1"]]]
              ],
            ]
          ],
        ],
      ], []
    ),
  ]

  @Test(arguments: creations)
  func creationsAreJudged(kind: String, group: String, object: JSONValue, faults: [String]) throws {
    let resource = try Self.resource(kind, group)
    let errors = Validation.create(Self.named(object, resource), resource: resource)
    #expect(errors.map(\.field).sorted() == faults.sorted())
  }

  static let changes: [(String, String, JSONValue, JSONValue, [String])] = [
    (
      "Event", "events.k8s.io", event,
      event(["series": ["count": 2, "lastObservedTime": "2020-01-02T03:04:05.000001Z"]]), []
    ),
    ("Event", "events.k8s.io", event, event(["reason": "Other"]), ["reason", "reason"]),
    (
      "PersistentVolumeClaim", "", claim("2Gi", phase: "Bound", capacity: "1Gi"),
      claim("1500Mi", phase: "Bound", capacity: "1Gi"), []
    ),
    (
      "PersistentVolumeClaim", "", claim("2Gi", phase: "Bound", capacity: "1Gi"),
      claim("500Mi", phase: "Bound", capacity: "1Gi"), ["spec.resources.requests.storage"]
    ),
    (
      "PersistentVolumeClaim", "", claim("2Gi", phase: "Pending", capacity: nil),
      claim("3Gi", phase: "Pending", capacity: nil), ["spec"]
    ),
    ("PersistentVolume", "", volume("/x"), volume("/y"), ["spec.persistentvolumesource"]),
    ("PersistentVolume", "", volume("/x"), volume("/x"), []),
    ("ControllerRevision", "apps", ["data": ["a": 1]], ["data": ["a": 2]], ["data"]),
  ]

  private static func claim(_ size: String, phase: String, capacity: String?) -> JSONValue {
    var claim: JSONValue = [
      "spec": [
        "accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": .string(size)]],
        "volumeName": "v",
      ],
      "status": ["phase": .string(phase)],
    ]
    if let capacity { claim.set(.string(capacity), at: "status", "capacity", "storage") }
    return claim
  }

  private static func volume(_ path: String) -> JSONValue {
    [
      "spec": [
        "capacity": ["storage": "1Gi"], "accessModes": ["ReadWriteOnce"],
        "hostPath": ["path": .string(path)],
      ]
    ]
  }

  @Test(arguments: changes)
  func changesAreJudged(
    kind: String, group: String, old: JSONValue, new: JSONValue, faults: [String]
  ) throws {
    let resource = try Self.resource(kind, group)
    let errors = Validation.update(
      new: Self.named(new, resource), old: Self.named(old, resource), resource: resource)
    #expect(errors.map(\.field).sorted() == faults.sorted())
  }

  @Test func mandatoryObjectsAreFineAsTheyAre() throws {
    for object in FlowControlObjects.mandatory {
      let resource = try Self.resource(
        object["kind"]?.stringValue ?? "", "flowcontrol.apiserver.k8s.io")
      #expect(Validation.create(object, resource: resource).isEmpty)
    }
  }

  @Test func aJobDoesNotBringLabelsOfAnother() throws {
    let resource = try Self.resource("Job", "batch")
    var labels: JSONValue = [
      "batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "a",
      "controller-uid": "u", "job-name": "a",
    ]
    func faults(_ selector: JSONValue) -> [String] {
      Validation.create(
        [
          "metadata": ["name": "a", "namespace": "n", "uid": "u"],
          "spec": [
            "selector": selector,
            "template": [
              "metadata": ["labels": labels],
              "spec": ["restartPolicy": "Never", "containers": [["name": "c", "image": "x"]]],
            ],
          ],
        ], resource: resource
      ).map(\.field)
    }
    let generated: JSONValue = ["matchLabels": ["batch.kubernetes.io/controller-uid": "u"]]
    #expect(faults(generated) == [])
    #expect(faults(["matchLabels": ["job-name": "a"]]) == ["spec.selector"])
    labels["job-name"] = "b"
    #expect(faults(generated) == ["spec.template.metadata.labels[job-name]"])
  }

  @Test func aNodesStatusIsJudgedByItself() throws {
    let resource = try Self.resource("Node", "")
    let address: JSONValue = ["type": "InternalIP", "address": "1.2.3.4"]
    let node: JSONValue = [
      "metadata": ["name": "a"],
      "status": ["addresses": [address, address], "allocatable": ["cpu": "-1"]],
    ]
    let errors = Validation.update(
      new: node, old: ["metadata": ["name": "a"]], resource: resource, subresource: "status")
    #expect(errors.map(\.field) == ["status.allocatable[cpu]", "status.addresses[1]"])
  }

  @Test func claimsAreFilledFromOneSource() throws {
    let resource = try Self.resource("PersistentVolumeClaim", "")
    func faults(_ members: JSONValue) -> [String] {
      let spec: JSONValue = [
        "accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": "1Gi"]],
      ]
      return Validation.create(
        [
          "metadata": ["name": "a", "namespace": "n"],
          "spec": MergePatch.apply(members, to: spec),
        ], resource: resource
      ).map(\.field)
    }
    #expect(faults(["dataSource": ["kind": "PersistentVolumeClaim", "name": "b"]]) == [])
    #expect(faults(["dataSource": ["kind": "Other", "name": "b"]]) == ["spec.dataSource"])
    #expect(
      faults([
        "dataSource": ["kind": "PersistentVolumeClaim", "name": "b"],
        "dataSourceRef": ["kind": "PersistentVolumeClaim", "name": "c"],
      ]) == ["spec"])
    #expect(
      faults(["accessModes": ["ReadWriteOncePod", "ReadWriteMany"]]) == ["spec.accessModes"])
  }
}
