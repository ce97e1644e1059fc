import JSONDocument
import Testing

@testable import KubernetesAPI

@Suite struct QuotaTests {
  private func pod(
    _ containers: [JSONValue], spec: JSONValue = [:], phase: String = "Pending"
  ) -> JSONValue {
    var value: JSONValue = [
      "metadata": ["name": "p", "namespace": "n"], "spec": spec,
      "status": ["phase": .string(phase)],
    ]
    value.set(.array(containers), at: "spec", "containers")
    return value
  }

  private func container(_ requests: JSONValue, _ limits: JSONValue = [:]) -> JSONValue {
    ["name": "c", "resources": ["requests": requests, "limits": limits]]
  }

  private func quota(
    _ hard: JSONValue, used: JSONValue? = nil, spec extra: JSONValue = [:]
  ) -> JSONValue {
    var spec = extra
    spec["hard"] = hard
    var value: JSONValue = ["metadata": ["name": "q", "namespace": "n"], "spec": spec]
    if let used { value["status"] = ["hard": hard, "used": used] }
    return value
  }

  private func demand(
    _ new: JSONValue, old: JSONValue? = nil, _ resource: GroupVersionResource = .pods
  ) -> QuotaCheck.Demand {
    QuotaCheck.Demand(
      resource: resource, new: new, old: old, checksConstraints: old == nil, nowSeconds: 0)
  }

  @Test func aPodTakesTheLargestAmountThatItNeedsAtOneTime() {
    let value: JSONValue = [
      "spec": [
        "containers": [
          ["name": "a", "resources": ["requests": ["cpu": "100m"]]],
          ["name": "b", "resources": ["requests": ["cpu": "200m"]]],
        ],
        "initContainers": [
          ["name": "s", "restartPolicy": "Always", "resources": ["requests": ["cpu": "50m"]]],
          ["name": "i", "resources": ["requests": ["cpu": "500m", "memory": "1Gi"]]],
        ],
        "overhead": ["cpu": "10m"],
      ]
    ]
    let total = PodResources.total(of: value, .requests)
    #expect(total["cpu"] == Quantity(parsing: "560m"))
    #expect(total["memory"] == Quantity(parsing: "1Gi"))
    #expect(PodResources.total(of: value, .limits).isEmpty)
  }

  @Test func usageByKind() {
    let value = pod([
      container(["cpu": "1", "memory": "2Gi", "example.com/gpu": "3"], ["cpu": "2"])
    ])
    let usage = QuotaUsage.of(value, .pods, nowSeconds: 0)
    #expect(usage["pods"] == Quantity(1))
    #expect(usage["count/pods"] == Quantity(1))
    #expect(usage["cpu"] == Quantity(1))
    #expect(usage["requests.cpu"] == Quantity(1))
    #expect(usage["limits.cpu"] == Quantity(2))
    #expect(usage["requests.memory"] == Quantity(parsing: "2Gi"))
    #expect(usage["requests.example.com/gpu"] == Quantity(3))
    let finished = QuotaUsage.of(pod([], phase: "Succeeded"), .pods, nowSeconds: 0)
    #expect(finished["pods"] == nil)
    #expect(finished["count/pods"] == Quantity(1))
    let balancer = QuotaUsage.of(
      ["spec": ["type": "LoadBalancer", "ports": [["port": 1], ["port": 2]]]], .services,
      nowSeconds: 0)
    #expect(balancer["services.loadbalancers"] == Quantity(1))
    #expect(balancer["services.nodeports"] == Quantity(2))
    let claim = QuotaUsage.of(
      [
        "spec": [
          "storageClassName": "fast", "resources": ["requests": ["storage": "5Gi"]],
        ]
      ], GroupVersionResource(resource: "persistentvolumeclaims"), nowSeconds: 0)
    #expect(claim["requests.storage"] == Quantity(parsing: "5Gi"))
    #expect(
      claim["fast.storageclass.storage.k8s.io/requests.storage"] == Quantity(parsing: "5Gi"))
    let deployment = QuotaUsage.of([:], .deployments, nowSeconds: 0)
    #expect(deployment == ["count/deployments.apps": Quantity(1)])
  }

  @Test func aQuotaRefusesWhatItHasNoRoomFor() {
    let hard: JSONValue = ["requests.cpu": "1", "pods": "5"]
    let used: JSONValue = ["requests.cpu": "600m", "pods": "1"]
    let fits = pod([container(["cpu": "400m"])])
    #expect(
      QuotaCheck.evaluate(quota: quota(hard, used: used), demand(fits))
        == .used(["requests.cpu": Quantity(1), "pods": Quantity(2)]))
    let tooMuch = pod([container(["cpu": "500m"])])
    #expect(
      QuotaCheck.evaluate(quota: quota(hard, used: used), demand(tooMuch))
        == .refused(
          "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, "
            + "limited: requests.cpu=1"))
    let silent = pod([container([:])])
    #expect(
      QuotaCheck.evaluate(quota: quota(hard, used: used), demand(silent))
        == .refused("failed quota: q: must specify requests.cpu for: c"))
  }

  @Test func aQuotaThatHasNotCountedIsNotEnforcedButNoticed() {
    let value = pod([container([:])])
    #expect(
      QuotaCheck.evaluate(quota: quota(["pods": "0"]), demand(value)) == .uncounted)
    #expect(
      QuotaCheck.evaluate(quota: quota(["secrets": "0"]), demand(value)) == .unconcerned)
    #expect(
      QuotaCheck.evaluate(quota: quota(["pods": "1"], used: [:]), demand(value))
        == .refused("status unknown for quota: q, resources: pods"))
  }

  @Test func scopesSelectAndAChangeOfScopeCounts() {
    let terminating = pod([container([:])], spec: ["activeDeadlineSeconds": 5])
    let running = pod([container([:])])
    let scoped = quota(["pods": "1"], used: ["pods": "1"], spec: ["scopes": ["Terminating"]])
    #expect(QuotaCheck.evaluate(quota: scoped, demand(running)) == .unconcerned)
    let refused = QuotaCheck.Outcome.refused(
      "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1")
    #expect(QuotaCheck.evaluate(quota: scoped, demand(terminating)) == refused)
    #expect(QuotaCheck.evaluate(quota: scoped, demand(terminating, old: running)) == refused)
    #expect(
      QuotaCheck.evaluate(quota: scoped, demand(running, old: terminating))
        == .used(["pods": .zero]))
    let classes: JSONValue = [
      "matchExpressions": [
        ["scopeName": "PriorityClass", "operator": "In", "values": ["high"]]
      ]
    ]
    let high = pod([], spec: ["priorityClassName": "high"])
    #expect(
      QuotaScopes.match(quota: ["scopeSelector": classes], object: high, .pods))
    #expect(
      !QuotaScopes.match(quota: ["scopeSelector": classes], object: running, .pods))
    #expect(QuotaScopes.match(quota: ["scopes": ["BestEffort"]], object: running, .pods))
    #expect(!QuotaScopes.match(quota: ["scopes": ["BestEffort"]], object: [:], .services))
  }

  @Test func theCountIsTheSumOfWhatMatches() {
    let pods = [
      pod([container(["cpu": "1"])]), pod([container(["cpu": "500m"])]),
      pod([container(["cpu": "7"])], phase: "Failed"),
    ]
    let count = QuotaCheck.count(
      quota: quota(["requests.cpu": "9", "pods": "9", "configmaps": "1"]),
      objects: [(.pods, pods), (.configMaps, [])], nowSeconds: 0)
    #expect(
      count == [
        "requests.cpu": Quantity(parsing: "1500m") ?? .zero, "pods": Quantity(2),
        "configmaps": .zero,
      ])
  }
}
