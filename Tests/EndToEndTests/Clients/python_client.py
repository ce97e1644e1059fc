"""What the official Python client does with a cluster, check by check.

python_client.py NAMESPACE [COMMAND...]: works in NAMESPACE, which it creates and removes, and in
others that begin with its name. Where leaders are to die, COMMAND is run. Prints a line for each
check; exits with 1 if one fails.
"""

import base64
import datetime
import json
import logging
import subprocess
import sys
import threading
import time
import traceback

import urllib3
import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client import ApiException
from kubernetes.dynamic import exceptions as refusals
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

NAMESPACE, KILL_LEADER = sys.argv[1], sys.argv[2:]
# How long anything may take on a busy machine, in seconds.
LIMIT = 60
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

# It tells of every connection that breaks, and here some do.
logging.getLogger("kubernetes.informer").setLevel(logging.CRITICAL)
config.load_kube_config()
# urllib3 by itself sends a deletion again whose connection broke, and the client then reads that
# the object is not found. Who deletes has to know that it broke (`sure`): only reads are repeated.
settings = client.Configuration.get_default_copy()
settings.retries = urllib3.Retry(3, allowed_methods={"GET", "HEAD"})
client.Configuration.set_default(settings)
api = client.ApiClient()
core = client.CoreV1Api()
apps = client.AppsV1Api()
custom = client.CustomObjectsApi()
checks = []


def check(function):
    checks.append(function)
    return function


def refused(status, reason, call, *arguments, **options):
    """Expects a refusal, and returns the Status in its body."""
    try:
        answer = call(*arguments, **options)
    except ApiException as error:
        assert error.status == status, f"{error.status}, expected {status}: {error.body}"
        assert error.headers["Content-Type"] == "application/json", error.headers
        body = json.loads(error.body)
        assert (body["kind"], body["apiVersion"]) == ("Status", "v1"), body
        assert (body["status"], body["code"]) == ("Failure", status), body
        assert body["reason"] == reason, body
        return body
    raise AssertionError(f"expected {status} {reason}, got {answer}")


def until(wanted, events):
    """The first object of `events` of which `wanted` holds; ends the watch."""
    for event in events:
        if wanted(event):
            return event["object"]
    raise AssertionError("the watch ended before what was awaited")


def configmap(name, data=None, labels=None, **metadata):
    return client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name=name, labels=labels, **metadata), data=data or {})


def deployment(name, replicas=1, image="taffrail/busybox:1"):
    labels = {"app": name}
    container = client.V1Container(
        name="main", image=image, env=[client.V1EnvVar(name="A", value="1")],
        ports=[client.V1ContainerPort(container_port=80)])
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(
            replicas=replicas, selector=client.V1LabelSelector(match_labels=labels),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels),
                spec=client.V1PodSpec(
                    containers=[container], termination_grace_period_seconds=0))))


def names(answer):
    return sorted(item.metadata.name for item in answer.items)


def await_ready(name, replicas):
    def is_ready(event):
        found = event["object"]
        return (
            found.status.observed_generation == found.metadata.generation
            and (found.status.ready_replicas or 0) == replicas
            and (found.status.replicas or 0) == replicas)

    return until(is_ready, watch.Watch().stream(
        apps.list_namespaced_deployment, NAMESPACE, field_selector=f"metadata.name={name}",
        timeout_seconds=LIMIT))


@check
def versions_and_discovery():
    version = client.VersionApi().get_code()
    assert (version.major, version.minor) == ("1", "36"), version
    assert client.CoreApi().get_api_versions().versions == ["v1"]
    groups = {group.name: group for group in client.ApisApi().get_api_versions().groups}
    assert groups["apps"].preferred_version.group_version == "apps/v1"
    resources = {found.name: found for found in apps.get_api_resources().resources}
    assert resources["deployments"].short_names == ["deploy"]
    assert resources["deployments/scale"].kind == "Scale"
    assert "watch" in resources["deployments"].verbs
    nodes = core.list_node().items
    assert nodes and all(
        any(c.type == "Ready" and c.status == "True" for c in node.status.conditions)
        for node in nodes)
    for path in ["/openapi/v2", "/openapi/v3", "/openapi/v3/apis/apps/v1"]:
        document = raw("GET", path)
        assert document, path
    paths = raw("GET", "/openapi/v3")["paths"]
    assert paths["apis/apps/v1"]["serverRelativeURL"].startswith("/openapi/v3/apis/apps/v1?hash=")
    definitions = raw("GET", "/openapi/v2")["definitions"]
    kinds = definitions["io.k8s.api.apps.v1.Deployment"]["x-kubernetes-group-version-kind"]
    assert kinds == [{"group": "apps", "kind": "Deployment", "version": "v1"}], kinds


def raw(method, path, body=None, accept="application/json", query=(), content_type=None,
        answered=None):
    """A request that the client has no method for; the parsed answer, its headers in `answered`."""
    headers = {"Accept": accept}
    if body is not None:
        headers["Content-Type"] = content_type or "application/json"
    request = api.param_serialize(
        method, path, query_params=list(query), header_params=headers, body=body,
        auth_settings=["BearerToken"])
    answer = api.call_api(*request)
    answer.read()
    if not 200 <= answer.status <= 299:
        api.response_deserialize(answer, {})
    if answered is not None:
        answered.update((name.lower(), value) for name, value in answer.response.headers.items())
    return json.loads(answer.data)


@check
def objects_are_created_read_replaced_and_deleted():
    made = core.create_namespaced_config_map(NAMESPACE, configmap("plain", {"a": "1"}))
    assert made.metadata.uid and made.metadata.creation_timestamp.tzinfo
    assert made.metadata.managed_fields[0].operation == "Update"
    read = core.read_namespaced_config_map("plain", NAMESPACE)
    assert read == made
    read.data["b"] = "2"
    replaced = core.replace_namespaced_config_map("plain", NAMESPACE, read)
    assert replaced.data == {"a": "1", "b": "2"}
    assert replaced.metadata.resource_version != made.metadata.resource_version
    # The copy is older now than what is stored.
    body = refused(409, "Conflict", core.replace_namespaced_config_map, "plain", NAMESPACE, read)
    assert body["details"] == {"name": "plain", "kind": "configmaps"}, body
    assert "the object has been modified" in body["message"], body
    same = core.replace_namespaced_config_map("plain", NAMESPACE, replaced)
    assert same.metadata.resource_version == replaced.metadata.resource_version
    gone = core.delete_namespaced_config_map("plain", NAMESPACE)
    assert (gone["status"], gone["details"]["uid"]) == ("Success", made.metadata.uid), gone
    body = refused(404, "NotFound", core.read_namespaced_config_map, "plain", NAMESPACE)
    assert body["message"] == 'configmaps "plain" not found', body
    named = core.create_namespaced_secret(NAMESPACE, client.V1Secret(
        metadata=client.V1ObjectMeta(generate_name="made-"), string_data={"word": "aye"}))
    assert named.metadata.name.startswith("made-") and len(named.metadata.name) == 10
    assert base64.b64decode(named.data["word"]) == b"aye" and named.type == "Opaque"


@check
def dry_runs_change_nothing_and_unknown_fields_are_noticed():
    made = core.create_namespaced_config_map(NAMESPACE, configmap("dry"), dry_run="All")
    assert made.metadata.uid
    refused(404, "NotFound", core.read_namespaced_config_map, "dry", NAMESPACE)
    # The models have no unknown fields, so these are sent without them.
    path, unknown = f"/api/v1/namespaces/{NAMESPACE}/configmaps", {
        "metadata": {"name": "odd"}, "dta": {}}
    body = refused(400, "BadRequest", raw, "POST", path, unknown,
                   query=[("fieldValidation", "Strict")])
    assert 'unknown field "dta"' in body["message"], body
    headers = {}
    raw("POST", path, unknown, query=[("dryRun", "All")], answered=headers)
    assert headers["warning"] == '299 - "unknown field \\"dta\\""', headers


@check
def refusals_say_what_is_wrong():
    body = refused(
        409, "AlreadyExists", core.create_namespaced_config_map, NAMESPACE,
        configmap("kube-root-ca.crt"))
    assert body["details"] == {"name": "kube-root-ca.crt", "kind": "configmaps"}, body
    wrong = {"metadata": {"name": "Not_A_Name"}, "data": {"a b": "c"}}
    body = refused(422, "Invalid", core.create_namespaced_config_map, NAMESPACE, wrong)
    causes = {(cause["field"], cause["reason"]) for cause in body["details"]["causes"]}
    assert causes == {
        ("metadata.name", "FieldValueInvalid"), ("data[a b]", "FieldValueInvalid")}, body
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    body = refused(400, "BadRequest", raw, "POST", path, {"data": []})
    assert body["message"].startswith('ConfigMap in version "v1" cannot be handled'), body
    body = refused(
        400, "BadRequest", core.create_namespaced_config_map, NAMESPACE,
        configmap("astray", namespace="elsewhere"))
    assert "does not match the namespace" in body["message"], body
    body = refused(400, "BadRequest", core.list_namespaced_pod, NAMESPACE, label_selector="a in b")
    assert "unable to parse requirement" in body["message"], body
    body = refused(
        400, "BadRequest", core.list_namespaced_pod, NAMESPACE, field_selector="spec.colour=red")
    assert body["message"].endswith("field label not supported: spec.colour"), body
    refused(415, "UnsupportedMediaType", raw, "POST", path, "a", content_type="text/plain")
    refused(405, "MethodNotAllowed", raw, "POST", "/api/v1/componentstatuses", {})
    # The name of a replacement is the path's.
    body = refused(
        400, "BadRequest", core.replace_namespaced_config_map, "other", NAMESPACE,
        configmap("this"))
    assert "does not match the name on the URL" in body["message"], body


@check
def every_kind_of_patch():
    apps.create_namespaced_deployment(NAMESPACE, deployment("patched", replicas=0))
    # Strategic: items of a list meet by their keys.
    container = {"name": "main", "env": [{"name": "B", "value": "2"}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    found = apps.patch_namespaced_deployment(
        "patched", NAMESPACE, patch, _content_type=STRATEGIC).spec.template.spec.containers[0]
    assert {e.name: e.value for e in found.env} == {"A": "1", "B": "2"}
    assert found.image == "taffrail/busybox:1" and found.ports[0].container_port == 80
    container = {"name": "main", "env": [{"name": "A", "$patch": "delete"}]}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    found = apps.patch_namespaced_deployment(
        "patched", NAMESPACE, patch, _content_type=STRATEGIC).spec.template.spec.containers[0]
    assert [e.name for e in found.env] == ["B"], found
    # Merge: a list is replaced as a whole, null takes out.
    containers = [{"name": "main", "image": "taffrail/busybox:2"}]
    patch = {
        "metadata": {"labels": {"a": "b", "c": None}},
        "spec": {"revisionHistoryLimit": None, "template": {"spec": {"containers": containers}}}}
    found = apps.patch_namespaced_deployment("patched", NAMESPACE, patch, _content_type=MERGE)
    assert found.spec.template.spec.containers[0].env is None
    assert found.metadata.labels == {"a": "b"}
    assert found.spec.revision_history_limit == 10, "the default returns"
    # JSON: one operation after the other, all or none.
    operations = [
        {"op": "test", "path": "/metadata/labels/a", "value": "b"},
        {"op": "remove", "path": "/spec/minReadySeconds"},
    ]
    refused(422, "Invalid", apps.patch_namespaced_deployment, "patched", NAMESPACE, operations)
    operations[1] = {"op": "add", "path": "/spec/minReadySeconds", "value": 3}
    operations.append({"op": "move", "from": "/metadata/labels/a", "path": "/metadata/labels/d~1e"})
    found = apps.patch_namespaced_deployment("patched", NAMESPACE, operations)
    assert found.metadata.labels == {"d/e": "b"} and found.spec.min_ready_seconds == 3
    operations = [{"op": "test", "path": "/metadata/labels/d~1e", "value": "no"}]
    refused(422, "Invalid", apps.patch_namespaced_deployment, "patched", NAMESPACE, operations)
    # With a resourceVersion a patch is conditional.
    stale = {"metadata": {"resourceVersion": "1", "labels": {"x": "y"}}}
    refused(
        409, "Conflict", apps.patch_namespaced_deployment, "patched", NAMESPACE, stale,
        _content_type=MERGE)
    body = refused(
        422, "Invalid", apps.patch_namespaced_deployment, "patched", NAMESPACE,
        {"spec": {"selector": {"matchLabels": {"app": "other"}}}}, _content_type=MERGE)
    assert any(c["field"] == "spec.selector" for c in body["details"]["causes"]), body
    apps.delete_namespaced_deployment("patched", NAMESPACE)


@check
def lists_come_in_pages_of_one_state():
    for number in range(25):
        core.create_namespaced_config_map(
            NAMESPACE, configmap(f"page-{number:02}", labels={"set": "pages"}))
    select = {"label_selector": "set=pages"}
    first = core.list_namespaced_config_map(NAMESPACE, limit=10, **select)
    assert len(first.items) == 10 and first.metadata._continue
    # What happens meanwhile is not part of it.
    core.delete_namespaced_config_map("page-20", NAMESPACE)
    core.create_namespaced_config_map(NAMESPACE, configmap("page-21a", labels={"set": "pages"}))
    found, page = names(first), first
    while page.metadata._continue:
        page = core.list_namespaced_config_map(
            NAMESPACE, limit=10, _continue=page.metadata._continue, **select)
        assert page.metadata.resource_version == first.metadata.resource_version
        found += names(page)
    assert found == [f"page-{number:02}" for number in range(25)], found
    assert page.metadata.remaining_item_count is None
    whole = core.list_namespaced_config_map(NAMESPACE, limit=10)
    rest = whole.metadata.remaining_item_count
    assert rest == len(core.list_namespaced_config_map(NAMESPACE).items) - 10, rest
    refused(
        400, "BadRequest", core.list_namespaced_config_map, NAMESPACE, limit=10,
        _continue="nonsense")
    then = core.list_namespaced_config_map(
        NAMESPACE, resource_version=first.metadata.resource_version,
        resource_version_match="Exact", **select)
    assert "page-20" in names(then) and "page-21a" not in names(then)
    core.delete_collection_namespaced_config_map(NAMESPACE, **select)
    assert not core.list_namespaced_config_map(NAMESPACE, **select).items


@check
def selectors_select():
    for name, labels in {
        "s1": {"tier": "front", "env": "a"}, "s2": {"tier": "back", "env": "b"},
        "s3": {"tier": "back"}, "s4": {"env": "c"},
    }.items():
        core.create_namespaced_config_map(NAMESPACE, configmap(name, labels=labels | {"s": ""}))
    for selector, expected in {
        "s": "s1 s2 s3 s4", "s,tier=back": "s2 s3", "s,tier!=back": "s1 s4",
        "s,env in (a, b)": "s1 s2", "s,env notin (a)": "s2 s3 s4", "s,!tier": "s4",
        "s,tier,env": "s1 s2", "s=x": "",
    }.items():
        found = names(core.list_namespaced_config_map(NAMESPACE, label_selector=selector))
        assert found == expected.split(), f"{selector}: {found}"
    for selector, expected in {
        "metadata.name=s2": ["s2"], "metadata.name!=s2": ["s1", "s3", "s4"],
    }.items():
        found = names(core.list_namespaced_config_map(
            NAMESPACE, label_selector="s", field_selector=selector))
        assert found == expected, f"{selector}: {found}"
    everywhere = core.list_config_map_for_all_namespaces(
        field_selector=f"metadata.namespace={NAMESPACE},metadata.name=s1")
    assert names(everywhere) == ["s1"]


@check
def watches_begin_end_and_follow_selectors():
    now = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, configmap("w", labels={"seen": "yes"}))
    label = {"metadata": {"labels": {"seen": "no"}}}
    core.patch_namespaced_config_map("w", NAMESPACE, label, _content_type=MERGE)
    core.patch_namespaced_config_map("w", NAMESPACE, {"data": {"a": "1"}}, _content_type=MERGE)
    label = {"metadata": {"labels": {"seen": "yes"}}}
    core.patch_namespaced_config_map("w", NAMESPACE, label, _content_type=MERGE)
    core.delete_namespaced_config_map("w", NAMESPACE)

    def kinds(events, last):
        found = []
        for event in events:
            found.append(event["type"])
            if len(found) == last:
                break
        return found

    def stream(**options):
        return watch.Watch().stream(
            core.list_namespaced_config_map, NAMESPACE, resource_version=now,
            timeout_seconds=LIMIT, **options)

    assert kinds(stream(), 5) == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    # What leaves a selection is deleted for those who watch it, and added when it returns.
    assert kinds(stream(label_selector="seen=yes"), 4) == ["ADDED", "DELETED", "ADDED", "DELETED"]
    assert kinds(stream(label_selector="seen=no"), 3) == ["ADDED", "MODIFIED", "DELETED"]
    assert kinds(stream(field_selector="metadata.name=w"), 5)[-1] == "DELETED"
    # Without a version it begins with what there is; it ends when its time is over.
    began = time.monotonic()
    events = list(watch.Watch().stream(
        core.list_namespaced_config_map, NAMESPACE, label_selector="s", timeout_seconds=1))
    assert [event["type"] for event in events] == ["ADDED"] * 4
    assert time.monotonic() - began >= 1
    # A streamed list: what there is, then a bookmark that says so.
    events = []
    for event in watch.Watch().stream(
            core.list_namespaced_config_map, NAMESPACE, label_selector="s",
            send_initial_events=True, resource_version_match="NotOlderThan",
            allow_watch_bookmarks=True, timeout_seconds=LIMIT):
        events.append(event)
        if event["type"] == "BOOKMARK":
            break
    assert [event["type"] for event in events] == ["ADDED"] * 4 + ["BOOKMARK"]
    annotations = events[-1]["raw_object"]["metadata"]["annotations"]
    assert annotations == {"k8s.io/initial-events-end": "true"}, annotations
    body = refused(
        400, "BadRequest", core.list_namespaced_config_map, NAMESPACE, resource_version="old")
    assert "resource" in body["message"].lower(), body


@check
def workloads_run_scale_and_roll():
    apps.create_namespaced_deployment(NAMESPACE, deployment("web", replicas=2))
    ready = await_ready("web", 2)
    conditions = {c.type: c.status for c in ready.status.conditions}
    assert conditions == {"Available": "True", "Progressing": "True"}, conditions
    scale = apps.read_namespaced_deployment_scale("web", NAMESPACE)
    assert (scale.spec.replicas, scale.status.replicas) == (2, 2)
    assert scale.status.selector == "app=web", scale
    scale.spec.replicas = 3
    assert apps.replace_namespaced_deployment_scale("web", NAMESPACE, scale).spec.replicas == 3
    refused(409, "Conflict", apps.replace_namespaced_deployment_scale, "web", NAMESPACE, scale)
    await_ready("web", 3)
    # What a body leaves out, here its kind, its path says.
    apps.replace_namespaced_deployment_scale("web", NAMESPACE, client.V1Scale(
        metadata=client.V1ObjectMeta(name="web"), spec=client.V1ScaleSpec(replicas=2)))
    await_ready("web", 2)
    apps.patch_namespaced_deployment_scale(
        "web", NAMESPACE, {"spec": {"replicas": 1}}, _content_type=MERGE)
    await_ready("web", 1)
    found = core.list_namespaced_pod(
        NAMESPACE, label_selector="app=web", field_selector="status.phase=Running")
    owners = [owner.kind for pod in found.items for owner in pod.metadata.owner_references]
    assert set(owners) == {"ReplicaSet"}, owners
    # Rolled as `kubectl rollout restart` does it.
    stamp = {"taffrail.example/restartedAt": datetime.datetime.now().isoformat()}
    patch = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    before = names(apps.list_namespaced_replica_set(NAMESPACE, label_selector="app=web"))
    apps.patch_namespaced_deployment("web", NAMESPACE, patch, _content_type=STRATEGIC)
    await_ready("web", 1)
    after = names(apps.list_namespaced_replica_set(NAMESPACE, label_selector="app=web"))
    assert set(before) < set(after) and len(after) == 2, after


@check
def a_status_is_written_apart_from_the_rest():
    node = f"{NAMESPACE}-node"
    core.create_node(client.V1Node(
        metadata=client.V1ObjectMeta(name=node), spec=client.V1NodeSpec(unschedulable=True)))
    condition = {"type": "Tested", "status": "True", "reason": "Here", "message": "by Python"}
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"unschedulable": False},
             "status": {"conditions": [condition], "capacity": {"cpu": "2"}}}
    found = core.patch_node_status(node, patch, _content_type=STRATEGIC)
    assert found.spec.unschedulable and found.status.capacity == {"cpu": "2"}
    assert "Tested" in [c.type for c in found.status.conditions]
    found.status.capacity = {"cpu": "4", "memory": "1Gi"}
    assert core.replace_node_status(node, found).status.capacity["cpu"] == "4"
    assert core.read_node_status(node).status.capacity["memory"] == "1Gi"
    found = core.patch_node(node, {"status": {"capacity": {"cpu": "8"}}}, _content_type=MERGE)
    assert found.status.capacity["cpu"] == "4"
    core.delete_node(node)


@check
def evictions_ask_the_budget():
    policy = client.PolicyV1Api()
    policy.create_namespaced_pod_disruption_budget(NAMESPACE, client.V1PodDisruptionBudget(
        metadata=client.V1ObjectMeta(name="web"),
        spec=client.V1PodDisruptionBudgetSpec(
            min_available=1,
            selector=client.V1LabelSelector(match_labels={"app": "web"}))))

    def allow(number):
        """What the budget's controller would write."""
        status = {
            "disruptionsAllowed": number, "currentHealthy": 1, "desiredHealthy": 1 - number,
            "expectedPods": 1, "observedGeneration": 1}
        policy.patch_namespaced_pod_disruption_budget_status(
            "web", NAMESPACE, {"status": status}, _content_type=MERGE)

    allow(0)
    pod = core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items[0].metadata.name
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=NAMESPACE))
    body = refused(
        429, "TooManyRequests", core.create_namespaced_pod_eviction, pod, NAMESPACE, eviction)
    causes = [cause["reason"] for cause in body["details"]["causes"]]
    assert causes == ["DisruptionBudget"], body
    allow(1)
    version = core.list_namespaced_pod(NAMESPACE).metadata.resource_version
    core.create_namespaced_pod_eviction(pod, NAMESPACE, eviction)
    until(
        lambda event: event["type"] == "DELETED",
        watch.Watch().stream(
            core.list_namespaced_pod, NAMESPACE, field_selector=f"metadata.name={pod}",
            resource_version=version, timeout_seconds=LIMIT))
    budget = policy.read_namespaced_pod_disruption_budget_status("web", NAMESPACE)
    assert budget.status.disruptions_allowed == 0 and pod in budget.status.disrupted_pods, budget
    await_ready("web", 1)


@check
def tokens_are_whom_they_were_made_for():
    core.create_namespaced_service_account(NAMESPACE, client.V1ServiceAccount(
        metadata=client.V1ObjectMeta(name="mate")))
    made = core.create_namespaced_service_account_token(
        "mate", NAMESPACE, client.AuthenticationV1TokenRequest(
            spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=900)))
    assert made.status.expiration_timestamp > datetime.datetime.now(datetime.timezone.utc)
    settings = client.Configuration.get_default_copy()
    settings.cert_file = settings.key_file = None
    settings.api_key = {"authorization": f"Bearer {made.status.token}"}
    user = f"system:serviceaccount:{NAMESPACE}:mate"
    with client.ApiClient(settings) as mate:
        who = client.AuthenticationV1Api(mate).create_self_subject_review({})
        assert who.status.user_info.username == user, who
        assert "system:serviceaccounts" in who.status.user_info.groups
        mates = client.CoreV1Api(mate)
        body = refused(403, "Forbidden", mates.list_namespaced_pod, NAMESPACE)
        assert f'User "{user}" cannot list resource "pods"' in body["message"], body
        rights = client.RbacAuthorizationV1Api()
        rights.create_namespaced_role(NAMESPACE, client.V1Role(
            metadata=client.V1ObjectMeta(name="lookout"),
            rules=[client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["list"])]))
        rights.create_namespaced_role_binding(NAMESPACE, client.V1RoleBinding(
            metadata=client.V1ObjectMeta(name="lookout"),
            role_ref=client.V1RoleRef(
                api_group="rbac.authorization.k8s.io", kind="Role", name="lookout"),
            subjects=[client.RbacV1Subject(
                kind="ServiceAccount", name="mate", namespace=NAMESPACE)]))
        # Each server learns of the binding by itself.
        eventually(lambda: mates.list_namespaced_pod(NAMESPACE), 403)
        asked = client.AuthorizationV1Api(mate).create_self_subject_access_review(
            {"spec": {"resourceAttributes": {
                "namespace": NAMESPACE, "verb": "delete", "resource": "pods"}}})
        assert not asked.status.allowed
    settings.api_key = {"authorization": "Bearer nonsense"}
    with client.ApiClient(settings) as nobody:
        refused(401, "Unauthorized", client.CoreV1Api(nobody).list_namespaced_pod, NAMESPACE)


def eventually(call, *statuses):
    """Calls again while the answer is a refusal with one of `statuses`."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            return call()
        except ApiException as error:
            if error.status not in statuses or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def definition(group):
    def number(**limits):
        return client.V1JSONSchemaProps(type="integer", **limits)

    schema = client.V1JSONSchemaProps(type="object", properties={
        "spec": client.V1JSONSchemaProps(type="object", required=["size"], properties={
            "size": number(minimum=1), "colour": client.V1JSONSchemaProps(
                type="string", enum=["red", "green"], default="red")}),
        "status": client.V1JSONSchemaProps(type="object", properties={"size": number()})})
    return client.V1CustomResourceDefinition(
        metadata=client.V1ObjectMeta(name=f"buoys.{group}"),
        spec=client.V1CustomResourceDefinitionSpec(
            group=group, scope="Namespaced",
            names=client.V1CustomResourceDefinitionNames(
                kind="Buoy", plural="buoys", singular="buoy", short_names=["by"]),
            versions=[client.V1CustomResourceDefinitionVersion(
                name="v1", served=True, storage=True,
                schema=client.V1CustomResourceValidation(open_apiv3_schema=schema),
                subresources=client.V1CustomResourceSubresources(
                    status={}, scale=client.V1CustomResourceSubresourceScale(
                        spec_replicas_path=".spec.size", status_replicas_path=".status.size")),
                additional_printer_columns=[client.V1CustomResourceColumnDefinition(
                    name="Size", type="integer", json_path=".spec.size")])]))


@check
def custom_objects_are_objects():
    group = f"{NAMESPACE}.example.com"
    extensions = client.ApiextensionsV1Api()
    extensions.create_custom_resource_definition(definition(group))
    until(
        lambda event: event["object"].status and any(
            c.type == "Established" and c.status == "True"
            for c in event["object"].status.conditions or []),
        watch.Watch().stream(
            extensions.list_custom_resource_definition,
            field_selector=f"metadata.name=buoys.{group}", timeout_seconds=LIMIT))
    place = (group, "v1", NAMESPACE, "buoys")
    buoy = {"apiVersion": f"{group}/v1", "kind": "Buoy", "metadata": {"name": "one"},
            "spec": {"size": 3, "depth": 4}}
    # The server that established it need not be the one that is asked.
    made = eventually(lambda: custom.create_namespaced_custom_object(*place, buoy), 404)
    assert made["spec"] == {"size": 3, "colour": "red"}, made
    body = refused(422, "Invalid", custom.create_namespaced_custom_object, *place, {
        **buoy, "metadata": {"name": "two"}, "spec": {"size": 0, "colour": "blue"}})
    causes = {(c["field"], c["reason"]) for c in body["details"]["causes"]}
    assert causes == {
        ("spec.size", "FieldValueInvalid"), ("spec.colour", "FieldValueNotSupported")}, body
    assert body["details"]["kind"] == "Buoy" and body["details"]["group"] == group, body
    found = custom.patch_namespaced_custom_object_status(
        *place, "one", {"spec": {"size": 9}, "status": {"size": 2}}, _content_type=MERGE)
    assert (found["spec"]["size"], found["status"]) == (3, {"size": 2}), found
    assert found["metadata"]["generation"] == 1
    scale = custom.get_namespaced_custom_object_scale(*place, "one")
    assert (scale["kind"], scale["spec"], scale["status"]["replicas"]) == (
        "Scale", {"replicas": 3}, 2), scale
    custom.patch_namespaced_custom_object_scale(
        *place, "one", {"spec": {"replicas": 5}}, _content_type=MERGE)
    found = custom.patch_namespaced_custom_object(
        *place, "one", [{"op": "replace", "path": "/spec/colour", "value": "green"}],
        _content_type="application/json-patch+json")
    assert found["spec"] == {"size": 5, "colour": "green"}
    assert found["metadata"]["generation"] == 3
    refused(
        415, "UnsupportedMediaType", custom.patch_namespaced_custom_object, *place, "one", {},
        _content_type=STRATEGIC)
    listed = custom.list_namespaced_custom_object(*place)
    assert listed["kind"] == "BuoyList" and len(listed["items"]) == 1
    table = raw(
        "GET", f"/apis/{group}/v1/namespaces/{NAMESPACE}/buoys",
        accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
    assert [row["cells"] for row in table["rows"]] == [["one", 5]]
    partial = raw(
        "GET", f"/apis/{group}/v1/namespaces/{NAMESPACE}/buoys/one",
        accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json")
    assert partial["kind"] == "PartialObjectMetadata" and "spec" not in partial
    custom.delete_namespaced_custom_object(*place, "one")
    refused(404, "NotFound", custom.get_namespaced_custom_object, *place, "one")


@check
def the_dynamic_client_discovers_and_applies():
    group = f"{NAMESPACE}.example.com"
    cluster = dynamic.DynamicClient(api)
    assert cluster.version["kubernetes"]["gitVersion"].startswith("v1.36")
    found = cluster.resources.get(api_version="apps/v1", kind="Deployment")
    assert found.namespaced and found.name == "deployments" and "scale" in found.subresources
    assert found.scale.kind == "Scale", found.scale
    kinds = {resource.kind for each in cluster.resources for resource in each}
    assert {"Pod", "Deployment", "Lease", "CustomResourceDefinition", "Buoy"} <= kinds, kinds
    try:
        cluster.resources.get(api_version="v1", kind="Mermaid")
        raise AssertionError("there are mermaids")
    except refusals.ResourceNotFoundError:
        pass
    configmaps = cluster.resources.get(api_version="v1", kind="ConfigMap")
    body = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "applied"},
            "data": {"a": "1", "b": "1"}}
    first = configmaps.server_side_apply(body=body, namespace=NAMESPACE, field_manager="captain")
    assert first.metadata.managedFields[0].manager == "captain"
    assert first.metadata.managedFields[0].operation == "Apply"
    body["data"] = {"a": "2"}
    try:
        configmaps.server_side_apply(body=body, namespace=NAMESPACE, field_manager="pirate")
        raise AssertionError("expected a conflict")
    except refusals.ConflictError as error:
        status = json.loads(error.body)
        assert status["details"]["causes"] == [{
            "reason": "FieldManagerConflict", "message": 'conflict with "captain"',
            "field": ".data.a"}], status
    taken = configmaps.server_side_apply(
        body=body, namespace=NAMESPACE, field_manager="pirate", force_conflicts=True)
    assert taken.data.to_dict() == {"a": "2", "b": "1"}
    body["data"] = {"c": "3"}
    rest = configmaps.server_side_apply(body=body, namespace=NAMESPACE, field_manager="captain")
    assert rest.data.to_dict() == {"a": "2", "c": "3"}, "what the captain no longer says is gone"
    buoys = cluster.resources.get(api_version=f"{group}/v1", kind="Buoy")
    buoy = {"apiVersion": f"{group}/v1", "kind": "Buoy", "metadata": {"name": "dynamic"},
            "spec": {"size": 1}}
    made = buoys.server_side_apply(body=buoy, namespace=NAMESPACE, field_manager="captain")
    assert made.spec.colour == "red"
    until(
        lambda event: event["object"].metadata.name == "dynamic",
        buoys.watch(namespace=NAMESPACE, timeout=LIMIT))
    buoys.status.patch(
        name="dynamic", namespace=NAMESPACE, body={"status": {"size": 1}}, content_type=MERGE)
    assert buoys.get(name="dynamic", namespace=NAMESPACE).status.size == 1
    assert [item.metadata.name for item in buoys.get(namespace=NAMESPACE).items] == ["dynamic"]
    buoys.delete(namespace=NAMESPACE, label_selector="none=such")
    buoys.delete(name="dynamic", namespace=NAMESPACE)
    try:
        buoys.get(name="dynamic", namespace=NAMESPACE)
        raise AssertionError("it is still there")
    except refusals.NotFoundError:
        pass


@check
def files_are_created():
    documents = """
apiVersion: v1
kind: Service
metadata: {name: from-file}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: from-list}}
- apiVersion: batch/v1
  kind: Job
  metadata: {name: from-list}
  spec:
    template:
      spec: {restartPolicy: Never, containers: [{name: a, image: taffrail/busybox:1}]}
"""
    utils.create_from_yaml(
        api, yaml_objects=list(yaml.safe_load_all(documents)), namespace=NAMESPACE)
    service = core.read_namespaced_service("from-file", NAMESPACE)
    assert service.spec.type == "ClusterIP" and service.spec.cluster_ip
    job = client.BatchV1Api().read_namespaced_job("from-list", NAMESPACE)
    assert job.spec.completions == 1 and job.spec.backoff_limit == 6
    try:
        utils.create_from_dict(
            api, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-list"}},
            namespace=NAMESPACE)
        raise AssertionError("it was created twice")
    except utils.FailToCreateError as error:
        assert error.api_exceptions[0].status == 409


def family(name):
    """A parent and its child, both ConfigMaps."""
    parent = core.create_namespaced_config_map(NAMESPACE, configmap(name))
    owner = client.V1OwnerReference(
        api_version="v1", kind="ConfigMap", name=name, uid=parent.metadata.uid,
        block_owner_deletion=True, controller=True)
    child = core.create_namespaced_config_map(
        NAMESPACE, configmap(f"{name}-child", owner_references=[owner]))
    return parent, child


@check
def deletions_propagate_as_they_are_told():
    def events(version):
        return watch.Watch().stream(
            core.list_namespaced_config_map, NAMESPACE, resource_version=version,
            timeout_seconds=LIMIT)

    def deleted(version, *expected):
        found = []
        for event in events(version):
            if event["type"] == "DELETED" and event["object"].metadata.name in expected:
                found.append(event["object"].metadata.name)
            if len(found) == len(expected):
                return found

    _, child = family("background")
    core.delete_namespaced_config_map(
        "background", NAMESPACE, propagation_policy="Background")
    assert deleted(child.metadata.resource_version, "background", "background-child") == [
        "background", "background-child"]
    _, child = family("foreground")
    answer = core.delete_namespaced_config_map(
        "foreground", NAMESPACE, body=client.V1DeleteOptions(propagation_policy="Foreground"))
    assert deleted(child.metadata.resource_version, "foreground", "foreground-child") == [
        "foreground-child", "foreground"], answer
    _, child = family("orphan")
    core.delete_namespaced_config_map("orphan", NAMESPACE, propagation_policy="Orphan")
    deleted(child.metadata.resource_version, "orphan")
    left = core.read_namespaced_config_map("orphan-child", NAMESPACE)
    assert not left.metadata.owner_references
    wrong = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    body = refused(
        409, "Conflict", core.delete_namespaced_config_map, "orphan-child", NAMESPACE, body=wrong)
    assert "the UID in the precondition (another) does not match" in body["message"], body
    # A finalizer keeps it until it is taken out.
    core.create_namespaced_config_map(
        NAMESPACE, configmap("kept", finalizers=["example.com/keep"]))
    kept = raw("DELETE", f"/api/v1/namespaces/{NAMESPACE}/configmaps/kept")
    assert kept["kind"] == "ConfigMap" and kept["metadata"]["deletionTimestamp"], kept
    kept = core.patch_namespaced_config_map(
        "kept", NAMESPACE, [{"op": "remove", "path": "/metadata/finalizers"}])
    refused(404, "NotFound", core.read_namespaced_config_map, "kept", NAMESPACE)


@check
def namespaces_live_and_die():
    name = f"{NAMESPACE}-short"
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    until(
        lambda event: event["object"].metadata.name == "default",
        watch.Watch().stream(
            core.list_namespaced_service_account, name, timeout_seconds=LIMIT))
    made = core.create_namespaced_config_map(
        name, configmap("last", finalizers=["example.com/keep"]))
    gone = core.delete_namespace(name)
    assert gone["kind"] == "Namespace" and gone["status"]["phase"] == "Terminating", gone
    dying = until(
        lambda event: any(
            c.type == "NamespaceFinalizersRemaining" and c.status == "True"
            for c in event["object"].status.conditions or []),
        watch.Watch().stream(
            core.list_namespace, field_selector=f"metadata.name={name}", timeout_seconds=LIMIT))
    assert dying.status.phase == "Terminating" and dying.metadata.deletion_timestamp
    body = refused(
        403, "Forbidden", core.create_namespaced_config_map, name, configmap("late"))
    assert body["details"]["causes"][0]["reason"] == "NamespaceTerminating", body
    assert core.read_namespaced_config_map("last", name).metadata.deletion_timestamp
    version = made.metadata.resource_version
    core.patch_namespaced_config_map(
        "last", name, {"metadata": {"finalizers": None}}, _content_type=MERGE)
    until(
        lambda event: event["type"] == "DELETED",
        watch.Watch().stream(
            core.list_namespace, field_selector=f"metadata.name={name}",
            resource_version=version, timeout_seconds=LIMIT))
    body = refused(404, "NotFound", core.create_namespaced_config_map, name, configmap("late"))
    assert body["message"] == f'namespaces "{name}" not found', body


@check
def a_leader_is_elected():
    elected, over = threading.Event(), threading.Event()

    def lead():
        elected.set()
        over.wait(LIMIT)

    election = leaderelection.LeaderElection(electionconfig.Config(
        LeaseLock("helm", NAMESPACE, "first"), lease_duration=17, renew_deadline=15,
        retry_period=1, onstarted_leading=lead, onstopped_leading=None))
    threading.Thread(target=election.run, daemon=True).start()
    assert elected.wait(LIMIT)
    leases = client.CoordinationV1Api()
    first = leases.read_namespaced_lease("helm", NAMESPACE)
    assert first.spec.holder_identity == "first", first
    until(
        lambda event: event["object"].spec.renew_time > first.spec.renew_time,
        watch.Watch().stream(
            leases.list_namespaced_lease, NAMESPACE, timeout_seconds=LIMIT))
    over.set()


@check
def events_are_told():
    now = datetime.datetime.now(datetime.timezone.utc)
    about = client.V1ObjectReference(
        api_version="v1", kind="Namespace", name=NAMESPACE, namespace=NAMESPACE)
    core.create_namespaced_event(NAMESPACE, client.CoreV1Event(
        metadata=client.V1ObjectMeta(generate_name="told-"), involved_object=about,
        reason="Told", message="by Python", type="Normal", count=1,
        first_timestamp=now, last_timestamp=now,
        source=client.V1EventSource(component="python")))
    client.EventsV1Api().create_namespaced_event(NAMESPACE, client.EventsV1Event(
        metadata=client.V1ObjectMeta(generate_name="told-"), regarding=about, event_time=now,
        reason="Told", note="again", action="Telling", type="Warning",
        reporting_controller="example.com/python", reporting_instance="here"))
    told = core.list_namespaced_event(NAMESPACE, field_selector="reason=Told")
    assert sorted(event.message for event in told.items) == ["again", "by Python"]
    again = next(event for event in told.items if event.message == "again")
    assert again.event_time == now, "to the microsecond"
    warnings = core.list_namespaced_event(
        NAMESPACE, field_selector=f"reason=Told,type=Warning,involvedObject.name={NAMESPACE}")
    assert len(warnings.items) == 1


@check
def leaders_die_and_nobody_notices():
    """Writers, an informer and a list in pages go on while COMMAND has leaders killed."""
    if not KILL_LEADER:
        return
    for number in range(30):
        core.create_namespaced_config_map(
            NAMESPACE, configmap(f"old-{number:02}", labels={"set": "old"}))
    page = core.list_namespaced_config_map(NAMESPACE, label_selector="set=old", limit=5)
    listed, state = names(page), page.metadata.resource_version

    seen, changed = [], threading.Condition()

    def see(kind):
        def handler(found):
            with changed:
                seen.append((kind, found.metadata.name, (found.data or {}).get("step")))
                changed.notify_all()
        return handler

    informer = SharedInformer(
        core.list_namespaced_config_map, namespace=NAMESPACE, label_selector="set=new")
    for kind in (ADDED, MODIFIED, DELETED):
        informer.add_event_handler(kind, see(kind))
    informer.start()

    over, errors, written, breaks = threading.Event(), [], [], []

    def write(writer):
        """Creates, changes twice and deletes objects, one step after the other."""
        number = 0
        while not over.is_set():
            name = f"new-{writer}-{number}"
            try:
                sure(breaks, "create", lambda: core.create_namespaced_config_map(
                    NAMESPACE, configmap(name, {"step": "0"}, {"set": "new"})), 409)
                for step in ("1", "2"):
                    sure(breaks, "patch", lambda: core.patch_namespaced_config_map(
                        name, NAMESPACE, {"data": {"step": step}}, _content_type=MERGE))
                if number % 2:
                    sure(breaks, "delete", lambda: core.delete_namespaced_config_map(
                        name, NAMESPACE), 404)
                written.append(name)
            except Exception as error:  # noqa: BLE001: whatever it is, the check fails
                errors.append(f"{name}: {error!r}")
                return
            number += 1

    writers = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(3)]
    for writer in writers:
        writer.start()
    kill = subprocess.Popen(KILL_LEADER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = []
    killing = threading.Thread(target=lambda: output.append(kill.communicate()[0]), daemon=True)
    killing.start()
    while page.metadata._continue:
        # The pages are read while the leader is replaced.
        killing.join(1 if killing.is_alive() else 0)
        page = sure(breaks, "list", lambda: core.list_namespaced_config_map(
            NAMESPACE, label_selector="set=old", limit=5, _continue=page.metadata._continue))
        assert page.metadata.resource_version == state
        listed += names(page)
    killing.join(LIMIT)
    assert kill.returncode == 0, (output or [b"it did not end"])[0].decode()
    over.set()
    for writer in writers:
        writer.join(LIMIT)
    assert not errors, errors
    assert listed == [f"old-{number:02}" for number in range(30)], listed
    # The informer saw all that happened to each, once and in this order.
    expected = {name: [(ADDED, "0"), (MODIFIED, "1"), (MODIFIED, "2")]
                + [(DELETED, "2")] * (int(name.rsplit("-", 1)[1]) % 2) for name in written}

    def all_seen():
        return len(seen) >= sum(map(len, expected.values()))

    with changed:
        assert changed.wait_for(all_seen, LIMIT), f"saw {len(seen)} events"
    for name, steps in expected.items():
        found = [(kind, step) for kind, about, step in seen if about == name]
        assert found == steps, f"{name}: {found}"
    left = names(core.list_namespaced_config_map(NAMESPACE, label_selector="set=new"))
    assert left == sorted(name for name in written if int(name.rsplit("-", 1)[1]) % 2 == 0)
    assert sorted(found.metadata.name for found in informer.cache.list()) == left
    informer.stop()
    print(f"    {len(written)} objects written, {len(seen)} events seen, "
          f"{len(breaks)} connections broken")


def sure(breaks, what, call, done=None):
    """Calls again if the connection broke; what was then done already counts as done."""
    broke = False
    while True:
        try:
            return call()
        except ApiException as error:
            if broke and error.status == done:
                return None
            raise AssertionError(f"{what}: {error}") from error
        except urllib3.exceptions.HTTPError as error:
            broke = True
            breaks.append(f"{what}: {error}")
            assert len(breaks) < 200, breaks


def main():
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    failed = 0
    try:
        eventually(
            lambda: core.read_namespaced_config_map("kube-root-ca.crt", NAMESPACE), 404)
        for function in checks:
            began = time.monotonic()
            try:
                function()
                outcome = "ok"
            except Exception:  # noqa: BLE001: the next check is run whatever this one met
                traceback.print_exc(file=sys.stdout)
                outcome, failed = "FAILED", failed + 1
            took = (time.monotonic() - began) * 1000
            print(f"{outcome}: {function.__name__}, {took:.0f} ms", flush=True)
    finally:
        extensions = client.ApiextensionsV1Api()
        for found in extensions.list_custom_resource_definition().items:
            if found.spec.group == f"{NAMESPACE}.example.com":
                extensions.delete_custom_resource_definition(found.metadata.name)
        core.delete_namespace(NAMESPACE)
    print(f"{len(checks) - failed} of {len(checks)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
