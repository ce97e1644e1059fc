import JSONDocument

extension Defaulting {
  static let workloadRules: [String: Rule] = [
    "apps.v1.DeploymentSpec": { spec in
      spec.setDefault("replicas", 1)
      spec.setDefault("strategy", [:])
      spec.edit("strategy") { strategy in
        strategy.setDefaultForZero("type", "RollingUpdate")
        guard strategy["type"] == "RollingUpdate" else { return }
        strategy.setDefault("rollingUpdate", [:])
        strategy.edit("rollingUpdate") { update in
          update.setDefault("maxUnavailable", "25%")
          update.setDefault("maxSurge", "25%")
        }
      }
      spec.setDefault("revisionHistoryLimit", 10)
      spec.setDefault("progressDeadlineSeconds", 600)
    },
    "apps.v1.ReplicaSetSpec": { $0.setDefault("replicas", 1) },
    "apps.v1.StatefulSetSpec": { spec in
      spec.setDefaultForZero("podManagementPolicy", "OrderedReady")
      spec.setDefault("updateStrategy", [:])
      spec.edit("updateStrategy") { strategy in
        if strategy.string("type").isEmpty {
          strategy["type"] = "RollingUpdate"
          strategy.setDefault("rollingUpdate", [:])
        }
        guard strategy["type"] == "RollingUpdate" else { return }
        strategy.setDefault("rollingUpdate", [:])
        strategy.edit("rollingUpdate") { $0.setDefault("partition", 0) }
      }
      spec.setDefault("persistentVolumeClaimRetentionPolicy", [:])
      spec.edit("persistentVolumeClaimRetentionPolicy") { policy in
        policy.setDefaultForZero("whenDeleted", "Retain")
        policy.setDefaultForZero("whenScaled", "Retain")
      }
      spec.setDefault("replicas", 1)
      spec.setDefault("revisionHistoryLimit", 10)
      // Claims are written with the kind that they will have.
      spec.editEach("volumeClaimTemplates") { claim in
        claim["kind"] = "PersistentVolumeClaim"
        claim["apiVersion"] = "v1"
      }
    },
    "apps.v1.DaemonSetSpec": { spec in
      spec.setDefault("updateStrategy", [:])
      spec.edit("updateStrategy") { strategy in
        strategy.setDefaultForZero("type", "RollingUpdate")
        guard strategy["type"] == "RollingUpdate" else { return }
        strategy.setDefault("rollingUpdate", [:])
        strategy.edit("rollingUpdate") { update in
          update.setDefault("maxUnavailable", 1)
          update.setDefault("maxSurge", 0)
        }
      }
      spec.setDefault("revisionHistoryLimit", 10)
    },
    "core.v1.ReplicationController": { controller in
      let labels = controller["spec"]?.at("template", "metadata", "labels")
      if let labels {
        controller.setDefault("metadata", [:])
        controller.edit("metadata") { $0.setDefault("labels", labels) }
        controller.edit("spec") { $0.setDefault("selector", labels) }
      }
      controller.edit("spec") { $0.setDefault("replicas", 1) }
    },
    "batch.v1.Job": { job in
      job.setDefault("spec", [:])
      job.edit("spec", jobSpec)
    },
    "batch.v1.CronJobSpec": { spec in
      spec.setDefaultForZero("concurrencyPolicy", "Allow")
      spec.setDefault("suspend", false)
      spec.setDefault("successfulJobsHistoryLimit", 3)
      spec.setDefault("failedJobsHistoryLimit", 1)
    },
    "autoscaling.v2.HorizontalPodAutoscalerSpec": { spec in
      spec.setDefault("minReplicas", 1)
      spec.setDefault(
        "metrics",
        [
          [
            "type": "Resource",
            "resource": [
              "name": "cpu", "target": ["type": "Utilization", "averageUtilization": 80],
            ],
          ]
        ])
      spec.edit("behavior", scalingBehavior)
    },
    "autoscaling.v1.HorizontalPodAutoscaler": { autoscaler in
      // Other metrics than that of the CPU are in an annotation.
      let annotations = autoscaler["metadata"]?["annotations"]
      let hasMetrics = annotations?["autoscaling.alpha.kubernetes.io/metrics"] != nil
      autoscaler.edit("spec") { spec in
        spec.setDefault("minReplicas", 1)
        if !hasMetrics { spec.setDefault("targetCPUUtilizationPercentage", 80) }
      }
    },
    "core.v1.Namespace": { namespace in
      let name = namespace["metadata"]?["name"]?.stringValue ?? ""
      guard !name.isEmpty else { return }
      namespace.edit("metadata") { metadata in
        metadata.setDefault("labels", [:])
        metadata.edit("labels") { $0["kubernetes.io/metadata.name"] = .string(name) }
      }
    },
    "core.v1.NamespaceStatus": { $0.setDefaultForZero("phase", "Active") },
    "core.v1.PodStatus": { _ in },
    "core.v1.Secret": { secret in
      secret.setDefaultForZero("type", "Opaque")
      guard case .object(let plain) = secret["stringData"] else { return }
      secret["stringData"] = nil
      guard !plain.isEmpty else { return }
      secret.setDefault("data", [:])
      secret.edit("data") { data in
        for (key, text) in plain {
          data[key] = .string(Base64.encode(Array((text.stringValue ?? "").utf8)))
        }
      }
    },
  ]

  /// Only of Jobs themselves: a CronJob's template stays as it was given.
  private static func jobSpec(_ spec: inout JSONObject) {
    if spec["completions"] == nil, spec["parallelism"] == nil {
      spec["completions"] = 1
      spec["parallelism"] = 1
    }
    spec.setDefault("parallelism", 1)
    spec.setDefault("backoffLimit", spec["backoffLimitPerIndex"] == nil ? 6 : 2_147_483_647)
    spec.setDefault("completionMode", "NonIndexed")
    spec.setDefault("suspend", false)
    spec.setDefault("manualSelector", false)
    spec.setDefault(
      "podReplacementPolicy", spec["podFailurePolicy"] == nil ? "TerminatingOrFailed" : "Failed")
    spec.edit("podFailurePolicy") { policy in
      policy.editEach("rules") { rule in
        rule.editEach("onPodConditions") { $0.setDefaultForZero("status", "True") }
      }
    }
  }

  private static func scalingBehavior(_ behavior: inout JSONObject) {
    behavior.setDefault("scaleUp", [:])
    behavior.edit("scaleUp") { rules in
      rules.setDefault("stabilizationWindowSeconds", 0)
      rules.setDefault("selectPolicy", "Max")
      rules.setDefault(
        "policies",
        [
          ["type": "Pods", "value": 4, "periodSeconds": 15],
          ["type": "Percent", "value": 100, "periodSeconds": 15],
        ])
    }
    behavior.setDefault("scaleDown", [:])
    behavior.edit("scaleDown") { rules in
      rules.setDefault("selectPolicy", "Max")
      rules.setDefault(
        "policies", [["type": "Percent", "value": 100, "periodSeconds": 15]])
    }
  }
}
