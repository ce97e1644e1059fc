/// The cluster roles that every cluster begins with, one line for each rule: verbs, groups,
/// resources and names, apart by bars; or verbs and paths. `read` and `write` stand for the verbs
/// of that kind, `core` for the group without a name. A source of facts: upstream's bootstrap
/// policy of 1.36.
enum BootstrapRoles {
  static let cluster = """
    role cluster-admin
    * | * | *
    * | paths | *
    role system:discovery
    get | paths | /api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/
    role system:monitoring
    get | paths | /flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz
    get | core | nodes/metrics
    role system:basic-user
    create | authorization.k8s.io | selfsubjectaccessreviews selfsubjectrulesreviews
    create | authentication.k8s.io | selfsubjectreviews
    role system:public-info-viewer
    get | paths | /healthz /livez /readyz /version /version/
    role admin
    aggregate admin
    role edit
    label admin
    aggregate edit
    role view
    label edit
    aggregate view
    role system:aggregate-to-admin
    label admin
    create | authorization.k8s.io | localsubjectaccessreviews
    read write | rbac.authorization.k8s.io | rolebindings roles
    role system:aggregate-to-edit
    label edit
    read | core | pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy
    impersonate | core | serviceaccounts
    write | core | pods pods/attach pods/exec pods/portforward pods/proxy
    create | core | pods/eviction
    write | core | configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy
    create | core | serviceaccounts/token
    write | core events.k8s.io | events
    write | apps | daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale
    write | autoscaling | horizontalpodautoscalers
    write | batch | cronjobs jobs
    write | extensions | daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale
    write | policy | poddisruptionbudgets
    write | networking.k8s.io | ingresses networkpolicies
    read write | coordination.k8s.io | leases
    write | resource.k8s.io | resourceclaims resourceclaimtemplates
    role system:aggregate-to-view
    label view
    read | core | configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status
    read | core | bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status
    read | core | namespaces
    read | core events.k8s.io | events
    read | discovery.k8s.io | endpointslices
    read | apps | controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status
    read | autoscaling | horizontalpodautoscalers horizontalpodautoscalers/status
    read | batch | cronjobs cronjobs/status jobs jobs/status
    read | extensions | daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale
    read | policy | poddisruptionbudgets poddisruptionbudgets/status
    read | networking.k8s.io | ingresses ingresses/status networkpolicies
    read | resource.k8s.io | resourceclaims resourceclaims/status resourceclaimtemplates
    role system:heapster
    read | core | events namespaces nodes pods
    read | extensions | deployments
    role system:node
    create | authentication.k8s.io | tokenreviews
    create | authorization.k8s.io | localsubjectaccessreviews subjectaccessreviews
    read | core | services
    create read | core | nodes
    patch update | core | nodes/status
    patch update | core | nodes
    events
    read | core | pods
    create delete | core | pods
    patch update | core | pods/status
    create | core | pods/eviction
    read | core | configmaps secrets
    get | core | persistentvolumeclaims persistentvolumes
    get | core | endpoints
    create read | certificates.k8s.io | certificatesigningrequests
    create delete get patch update | coordination.k8s.io | leases
    get | storage.k8s.io | volumeattachments
    create | core | serviceaccounts/token
    get patch update | core | persistentvolumeclaims/status
    read | storage.k8s.io | csidrivers
    create delete get patch update | storage.k8s.io | csinodes
    read | node.k8s.io | runtimeclasses
    get | resource.k8s.io | resourceclaims
    deletecollection | resource.k8s.io | resourceslices
    get | core | serviceaccounts
    role system:node-problem-detector
    get | core | nodes
    patch | core | nodes/status
    events
    role system:kubelet-api-admin
    read | core | nodes
    proxy | core | nodes
    * | core | nodes/log nodes/metrics nodes/proxy nodes/stats
    role system:node-bootstrapper
    create read | certificates.k8s.io | certificatesigningrequests
    role system:auth-delegator
    create | authentication.k8s.io | tokenreviews
    create | authorization.k8s.io | subjectaccessreviews
    role system:kube-aggregator
    read | core | endpoints services
    role system:kube-controller-manager
    events
    create | coordination.k8s.io | leases
    get update | coordination.k8s.io | leases | kube-controller-manager
    create | core | secrets serviceaccounts
    delete | core | secrets
    get | core | configmaps namespaces secrets serviceaccounts
    update | core | secrets serviceaccounts
    create | authentication.k8s.io | tokenreviews
    create | authorization.k8s.io | subjectaccessreviews
    list watch | * | *
    create | core | serviceaccounts/token
    role system:kube-dns
    list watch | core | endpoints services
    role system:persistent-volume-provisioner
    create delete read | core | persistentvolumes
    read update | core | persistentvolumeclaims
    read | storage.k8s.io | storageclasses
    watch | core | events
    events
    role system:certificates.k8s.io:certificatesigningrequests:nodeclient
    create | certificates.k8s.io | certificatesigningrequests/nodeclient
    role system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
    create | certificates.k8s.io | certificatesigningrequests/selfnodeclient
    role system:volume-scheduler
    read patch update | core | persistentvolumes
    read | storage.k8s.io | storageclasses
    read patch update | core | persistentvolumeclaims
    role system:certificates.k8s.io:legacy-unknown-approver
    approve | certificates.k8s.io | signers | kubernetes.io/legacy-unknown
    role system:certificates.k8s.io:kubelet-serving-approver
    approve | certificates.k8s.io | signers | kubernetes.io/kubelet-serving
    role system:certificates.k8s.io:kube-apiserver-client-approver
    approve | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client
    role system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
    approve | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client-kubelet
    role system:service-account-issuer-discovery
    get | paths | /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/
    role system:node-proxier
    list watch | core | endpoints services
    read | core | nodes
    events
    list watch | networking.k8s.io | servicecidrs
    list watch | discovery.k8s.io | endpointslices
    role taffrail:node-proxier
    list watch | core | endpoints services
    list watch | networking.k8s.io | servicecidrs
    list watch | discovery.k8s.io | endpointslices
    role system:kube-scheduler
    events
    create | coordination.k8s.io | leases
    read update | coordination.k8s.io | leases | kube-scheduler
    read write | coordination.k8s.io | leasecandidates
    read | core | nodes
    delete read | core | pods
    create | core | bindings pods/binding
    patch update | core | pods/status
    read | core | replicationcontrollers services
    read | apps extensions | replicasets
    read | apps | statefulsets
    read | policy | poddisruptionbudgets
    read | core | persistentvolumeclaims persistentvolumes
    create | authentication.k8s.io | tokenreviews
    create | authorization.k8s.io | subjectaccessreviews
    read | storage.k8s.io | csinodes
    read | storage.k8s.io | volumeattachments
    read | core | namespaces
    read | storage.k8s.io | csidrivers
    read | storage.k8s.io | csistoragecapacities
    read | resource.k8s.io | deviceclasses
    read patch update | resource.k8s.io | resourceclaims
    read patch update | resource.k8s.io | resourceclaims/status
    update | core | pods/finalizers
    read | resource.k8s.io | resourceslices
    create delete | resource.k8s.io | resourceclaims
    patch update | resource.k8s.io | resourceclaims/binding
    """

  /// Each is bound to the service account of its name in kube-system.
  static let controllers = """
    role attachdetach-controller
    list watch | core | persistentvolumeclaims persistentvolumes
    read | core | nodes
    patch update | core | nodes/status
    list watch | core | pods
    events
    create delete read | storage.k8s.io | volumeattachments
    read | storage.k8s.io | csidrivers
    read | storage.k8s.io | csinodes
    role clusterrole-aggregation-controller
    escalate patch read update | rbac.authorization.k8s.io | clusterroles
    role cronjob-controller
    read update | batch | cronjobs
    create delete patch read update | batch | jobs
    update | batch | cronjobs/status
    update | batch | cronjobs/finalizers
    delete list watch | core | pods
    events
    role daemon-set-controller
    read | apps extensions | daemonsets
    update | apps extensions | daemonsets/status
    update | apps extensions | daemonsets/finalizers
    list watch | core | nodes
    create delete list patch watch | core | pods
    create | core | pods/binding
    create delete patch read update | apps | controllerrevisions
    events
    role deployment-controller
    read update | apps extensions | deployments
    update | apps extensions | deployments/status
    update | apps extensions | deployments/finalizers
    create delete patch read update | apps extensions | replicasets
    read update | core | pods
    events
    role disruption-controller
    read | apps extensions | deployments
    read | apps extensions | replicasets
    read | core | replicationcontrollers
    read | policy | poddisruptionbudgets
    read | apps | statefulsets
    update | policy | poddisruptionbudgets/status
    patch update | core | pods/status
    get | * | */scale
    events
    role endpoint-controller
    read | core | pods services
    create delete read update | core | endpoints
    create | core | endpoints/restricted
    events
    role endpointslice-controller
    read | core | nodes pods services
    update | core | services/finalizers
    create delete read update | discovery.k8s.io | endpointslices
    create | discovery.k8s.io | endpointslices/restricted
    events
    role endpointslicemirroring-controller
    read | core | endpoints services
    update | core | services/finalizers
    update | core | endpoints/finalizers
    create delete read update | discovery.k8s.io | endpointslices
    create | discovery.k8s.io | endpointslices/restricted
    events
    role expand-controller
    patch read update | core | persistentvolumes
    patch update | core | persistentvolumeclaims/status
    read | core | persistentvolumeclaims
    get | core | services
    events
    role ephemeral-volume-controller
    read | core | pods
    update | core | pods/finalizers
    create read | core | persistentvolumeclaims
    events
    role resource-claim-controller
    read | core | pods
    update | core | pods/finalizers
    create delete read | resource.k8s.io | resourceclaims
    patch update | resource.k8s.io | resourceclaims resourceclaims/status
    patch update | core | pods/status
    patch update | resource.k8s.io | resourceclaims/binding
    events
    role device-taint-eviction-controller
    delete read | core | pods
    patch update | core | pods/status
    read | resource.k8s.io | resourceclaims
    read | resource.k8s.io | resourceslices
    read | resource.k8s.io | deviceclasses
    read | resource.k8s.io | devicetaintrules
    events
    role generic-garbage-collector
    delete patch read update | * | *
    events
    role horizontal-pod-autoscaler
    read | autoscaling | horizontalpodautoscalers
    update | autoscaling | horizontalpodautoscalers/status
    get update | * | */scale
    list watch | core | pods
    list watch | metrics.k8s.io | pods
    read | custom.metrics.k8s.io | *
    read | external.metrics.k8s.io | *
    events
    role job-controller
    patch read update | batch | jobs
    update | batch | jobs/status
    update | batch | jobs/finalizers
    create delete list patch watch | core | pods
    events
    role namespace-controller
    delete read | core | namespaces
    update | core | namespaces/finalize namespaces/status
    delete deletecollection read | * | *
    role node-controller
    delete patch read update | core | nodes
    patch update | core | nodes/status
    patch update | core | pods/status
    delete read | core | pods
    events
    role persistent-volume-binder
    create delete read update | core | persistentvolumes
    update | core | persistentvolumes/status
    read update | core | persistentvolumeclaims
    update | core | persistentvolumeclaims/status
    create delete read | core | pods
    read | storage.k8s.io | storageclasses
    list watch | core | nodes
    events
    watch | core | events
    get | core | services
    role pod-garbage-collector
    delete list watch | core | pods
    read | core | nodes
    patch | core | pods/status
    role replicaset-controller
    read update | apps extensions | replicasets
    update | apps extensions | replicasets/status
    update | apps extensions | replicasets/finalizers
    create delete list patch watch | core | pods
    events
    role replication-controller
    read update | core | replicationcontrollers
    update | core | replicationcontrollers/status
    update | core | replicationcontrollers/finalizers
    create delete list patch watch | core | pods
    events
    role resourcequota-controller
    list watch | * | *
    update | core | resourcequotas/status
    events
    role route-controller
    list watch | core | nodes
    patch | core | nodes/status
    events
    role service-account-controller
    create | core | serviceaccounts
    events
    role service-controller
    read | core | services
    patch update | core | services/status
    list watch | core | nodes
    events
    role service-cidrs-controller
    patch read update | networking.k8s.io | servicecidrs
    patch update | networking.k8s.io | servicecidrs/finalizers
    patch update | networking.k8s.io | servicecidrs/status
    read | networking.k8s.io | ipaddresses
    events
    role statefulset-controller
    list watch | core | pods
    read | apps | statefulsets
    update | apps | statefulsets/status
    update | apps | statefulsets/finalizers
    create delete get patch update | core | pods
    create delete patch read update | apps | controllerrevisions
    create read | core | persistentvolumeclaims
    delete update | core | persistentvolumeclaims
    update | core | pods/finalizers
    events
    role ttl-controller
    list patch update watch | core | nodes
    events
    role certificate-controller
    delete read | certificates.k8s.io | certificatesigningrequests
    update | certificates.k8s.io | certificatesigningrequests/approval certificatesigningrequests/status
    approve | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client-kubelet
    sign | certificates.k8s.io | signers | kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown
    create | authorization.k8s.io | subjectaccessreviews
    events
    role pvc-protection-controller
    read update | core | persistentvolumeclaims
    read | core | pods
    events
    role pv-protection-controller
    read update | core | persistentvolumes
    events
    role volumeattributesclass-protection-controller
    read | core | persistentvolumeclaims
    read | core | persistentvolumes
    read update | storage.k8s.io | volumeattributesclasses
    events
    role ttl-after-finished-controller
    delete read | batch | jobs
    events
    role root-ca-cert-publisher
    create update | core | configmaps
    events
    role validatingadmissionpolicy-status-controller
    read | admissionregistration.k8s.io | validatingadmissionpolicies
    get patch update | admissionregistration.k8s.io | validatingadmissionpolicies/status
    events
    role legacy-service-account-token-cleaner
    get | core | configmaps | kube-apiserver-legacy-service-account-token-tracking
    delete patch | core | secrets
    role selinux-warning-controller
    events
    read | core | persistentvolumes
    read | core | persistentvolumeclaims
    read | core | pods
    read | storage.k8s.io | csidrivers
    """

  /// Roles of the namespaces that every cluster has: `role NAMESPACE NAME`.
  static let namespaced = """
    role kube-system extension-apiserver-authentication-reader
    read | core | configmaps | extension-apiserver-authentication
    role kube-system system:controller:bootstrap-signer
    read | core | secrets
    role kube-system system:controller:cloud-provider
    create read | core | configmaps
    role kube-system system:controller:token-cleaner
    delete read | core | secrets
    events
    role kube-system system::leader-locking-kube-controller-manager
    create read update | coordination.k8s.io | leases
    role kube-system system::leader-locking-kube-scheduler
    create read update | coordination.k8s.io | leases
    create read update | coordination.k8s.io | leasecandidates
    role kube-public system:controller:bootstrap-signer
    read | core | configmaps
    update | core | configmaps | cluster-info
    events
    """
}
