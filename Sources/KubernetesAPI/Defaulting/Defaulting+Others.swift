import JSONDocument

extension Defaulting {
  static let networkRules: [String: Rule] = [
    "core.v1.ServiceSpec": { spec in
      spec.setDefaultForZero("sessionAffinity", "None")
      if spec["sessionAffinity"] == "None" { spec["sessionAffinityConfig"] = nil }
      if spec["sessionAffinity"] == "ClientIP" {
        spec.setDefault("sessionAffinityConfig", [:])
        spec.edit("sessionAffinityConfig") { config in
          config.setDefault("clientIP", [:])
          config.edit("clientIP") { $0.setDefault("timeoutSeconds", 10800) }
        }
      }
      spec.setDefaultForZero("type", "ClusterIP")
      spec.editEach("ports") { port in
        port.setDefaultForZero("protocol", "TCP")
        port.setDefaultForZero("targetPort", port["port"] ?? 0)
      }
      let type = spec.string("type")
      let balanced = type == "NodePort" || type == "LoadBalancer"
      let external = !(spec["externalIPs"]?.arrayValue ?? []).isEmpty
      if balanced || (type == "ClusterIP" && external) {
        spec.setDefaultForZero("externalTrafficPolicy", "Cluster")
      }
      if balanced || type == "ClusterIP" { spec.setDefault("internalTrafficPolicy", "Cluster") }
      if type == "LoadBalancer" { spec.setDefault("allocateLoadBalancerNodePorts", true) }
    },
    "core.v1.Service": { service in
      guard service["spec"]?["type"] == "LoadBalancer" else { return }
      service.edit("status") { status in
        status.edit("loadBalancer") { balancer in
          balancer.editEach("ingress") { ingress in
            if !ingress.string("ip").isEmpty { ingress.setDefault("ipMode", "VIP") }
          }
        }
      }
    },
    "core.v1.EndpointPort": { $0.setDefaultForZero("protocol", "TCP") },
    "discovery.v1.EndpointPort": { port in
      port.setDefault("name", "")
      port.setDefault("protocol", "TCP")
    },
    "networking.v1.NetworkPolicySpec": { spec in
      guard spec["policyTypes"] == nil else { return }
      let egress = !(spec["egress"]?.arrayValue ?? []).isEmpty
      spec["policyTypes"] = egress ? ["Ingress", "Egress"] : ["Ingress"]
    },
    "networking.v1.NetworkPolicyPort": { $0.setDefault("protocol", "TCP") },
    "networking.v1.IngressClassParametersReference": { $0.setDefault("scope", "Cluster") },
  ]

  static let policyRules: [String: Rule] = [
    "rbac.v1.Subject": { subject in
      guard subject["kind"] == "User" || subject["kind"] == "Group" else { return }
      subject.setDefaultForZero("apiGroup", "rbac.authorization.k8s.io")
    },
    "rbac.v1.RoleRef": { $0.setDefaultForZero("apiGroup", "rbac.authorization.k8s.io") },
    "scheduling.v1.PriorityClass": { $0.setDefault("preemptionPolicy", "PreemptLowerPriority") },
    "core.v1.LimitRangeItem": { item in
      guard item["type"] == "Container" else { return }
      func fill(_ key: String, from source: String) {
        guard case .object(let amounts) = item[source], !amounts.isEmpty else { return }
        item.setDefault(key, [:])
        item.edit(key) { target in
          for (name, amount) in amounts { target.setDefault(name, amount) }
        }
      }
      fill("default", from: "max")
      fill("defaultRequest", from: "default")
      fill("defaultRequest", from: "min")
    },
    "admissionregistration.v1.ServiceReference": { $0.setDefault("port", 443) },
    "admissionregistration.v1.RuleWithOperations": { $0.setDefault("scope", "*") },
    "admissionregistration.v1.Rule": { $0.setDefault("scope", "*") },
    "admissionregistration.v1.NamedRuleWithOperations": { $0.setDefault("scope", "*") },
    "admissionregistration.v1.ValidatingWebhook": webhook,
    "admissionregistration.v1.MutatingWebhook": { hook in
      webhook(&hook)
      hook.setDefault("reinvocationPolicy", "Never")
    },
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": {
      $0.setDefault("failurePolicy", "Fail")
    },
    "admissionregistration.v1.MutatingAdmissionPolicySpec": {
      $0.setDefault("failurePolicy", "Fail")
    },
    "admissionregistration.v1.MatchResources": { match in
      match.setDefault("matchPolicy", "Equivalent")
      match.setDefault("namespaceSelector", [:])
      match.setDefault("objectSelector", [:])
    },
    "flowcontrol.v1.FlowSchemaSpec": { $0.setDefaultForZero("matchingPrecedence", 1000) },
    "flowcontrol.v1.ExemptPriorityLevelConfiguration": { exempt in
      exempt.setDefault("nominalConcurrencyShares", 0)
      exempt.setDefault("lendablePercent", 0)
    },
    "flowcontrol.v1.LimitedPriorityLevelConfiguration": { limited in
      limited.setDefault("nominalConcurrencyShares", 30)
      limited.setDefault("lendablePercent", 0)
    },
    "flowcontrol.v1.QueuingConfiguration": { queuing in
      queuing.setDefaultForZero("queues", 64)
      queuing.setDefaultForZero("handSize", 8)
      queuing.setDefaultForZero("queueLengthLimit", 50)
    },
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": {
      $0.setDefault("port", 443)
    },
  ]

  private static let webhook: Rule = { hook in
    hook.setDefault("failurePolicy", "Fail")
    hook.setDefault("matchPolicy", "Equivalent")
    hook.setDefault("namespaceSelector", [:])
    hook.setDefault("objectSelector", [:])
    hook.setDefault("timeoutSeconds", 10)
  }

  private static let deviceRequest: Rule = { request in
    request.setDefaultForZero("allocationMode", "ExactCount")
    if request["allocationMode"] == "ExactCount" { request.setDefaultForZero("count", 1) }
  }

  static let storageRules: [String: Rule] = [
    "core.v1.PersistentVolumeStatus": { $0.setDefaultForZero("phase", "Pending") },
    // Not of the type of its spec, which volume attachments embed as it was given.
    "core.v1.PersistentVolume": { volume in
      volume.edit("spec") { spec in
        spec.setDefaultForZero("persistentVolumeReclaimPolicy", "Retain")
        spec.setDefault("volumeMode", "Filesystem")
      }
    },
    "resource.v1.ExactDeviceRequest": deviceRequest,
    "resource.v1.DeviceSubRequest": deviceRequest,
    "core.v1.PersistentVolumeClaimStatus": { $0.setDefaultForZero("phase", "Pending") },
    "core.v1.PersistentVolumeClaimSpec": { $0.setDefault("volumeMode", "Filesystem") },
    "storage.v1.StorageClass": { storageClass in
      storageClass.setDefault("reclaimPolicy", "Delete")
      storageClass.setDefault("volumeBindingMode", "Immediate")
    },
    "storage.v1.CSIDriverSpec": { spec in
      spec.setDefault("attachRequired", true)
      spec.setDefault("podInfoOnMount", false)
      spec.setDefault("storageCapacity", false)
      spec.setDefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
      spec.setDefault("volumeLifecycleModes", ["Persistent"])
      spec.setDefault("requiresRepublish", false)
      spec.setDefault("seLinuxMount", false)
    },
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec": {
      spec in
      spec.edit("names") { names in
        let kind = names.string("kind")
        names.setDefaultForZero("singular", .string(kind.lowercased()))
        if !kind.isEmpty { names.setDefaultForZero("listKind", .string(kind + "List")) }
      }
      spec.setDefault("conversion", ["strategy": "None"])
    },
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition": {
      object in
      // Objects were stored in the storage version, whatever the status says.
      guard let status = object["status"], status["storedVersions"]?.arrayValue?.isEmpty ?? true,
        let storage = object["spec"]?["versions"]?.arrayValue?.first(where: {
          $0["storage"] == true
        }), let name = storage["name"]
      else { return }
      object["status"]?["storedVersions"] = [name]
    },
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference": {
      $0.setDefault("port", 443)
    },
  ]
}
