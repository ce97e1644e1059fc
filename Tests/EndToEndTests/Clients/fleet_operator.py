"""An operator that keeps a fleet of ships, as kopf's users write them.

Every Ship gets a ConfigMap with its cargo and a Deployment with its crew, both owned by it; what
became of them is in its status. A ship that is deleted is first written into the ConfigMap
`logbook`. What each handler did is appended to $JOURNAL, one JSON object a line.
"""

import asyncio
import json
import os

import kopf
import kubernetes
import urllib3

GROUP, VERSION, PLURAL = "harbour.example.com", "v1", "ships"
kubernetes.config.load_kube_config()
core = kubernetes.client.CoreV1Api()
apps = kubernetes.client.AppsV1Api()
ships = kubernetes.client.CustomObjectsApi()
journal = open(os.environ["JOURNAL"], "a", buffering=1, encoding="utf-8")


def record(handler, name, **what):
    journal.write(json.dumps({"handler": handler, "name": name, **what}) + "\n")


@kopf.on.startup()
def configure(settings, **_):
    # A handler that fails while the leader is replaced is tried again soon.
    settings.networking.error_backoffs = [0.1, 0.2, 0.5, 1, 2, 5]
    settings.networking.request_timeout = 30
    settings.watching.reconnect_backoff = 0.1
    settings.execution.max_workers = 8
    record("startup", "", pid=os.getpid())


def stow(name, namespace, cargo):
    """Makes the ConfigMap of a ship what the ship says, whatever it is now."""
    body = {"metadata": {"name": name, "labels": {"ship": name}}, "data": dict(cargo)}
    kopf.adopt(body)
    try:
        core.create_namespaced_config_map(namespace, body)
    except kubernetes.client.ApiException as error:
        if error.status != 409:
            raise
        core.replace_namespaced_config_map(name, namespace, body)


def muster(name, namespace, crew):
    """Makes the Deployment of a ship as large as its crew."""
    pod = {
        "metadata": {"labels": {"ship": name}},
        "spec": {"containers": [{"name": "sailor", "image": "taffrail/busybox:1"}]},
    }
    body = {
        "metadata": {"name": name, "labels": {"ship": name}},
        "spec": {
            "replicas": crew,
            "selector": {"matchLabels": {"ship": name}},
            "template": pod,
        },
    }
    kopf.adopt(body)
    try:
        apps.create_namespaced_deployment(namespace, body)
    except kubernetes.client.ApiException as error:
        if error.status != 409:
            raise
        apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": crew}})


@kopf.on.create(GROUP, VERSION, PLURAL, backoff=0.5)
@kopf.on.resume(GROUP, VERSION, PLURAL, backoff=0.5)
@kopf.on.update(GROUP, VERSION, PLURAL, field="spec", backoff=0.5)
def fit_out(name, namespace, uid, spec, body, patch, reason, meta, retry, **_):
    stow(name, namespace, spec["cargo"])
    muster(name, namespace, spec["crew"])
    generation = meta["generation"]
    record("fit", name, uid=uid, reason=str(reason), generation=generation, retry=retry)
    # None takes out what is not there any more: this is a merge patch.
    stowed = dict.fromkeys(body.get("status", {}).get("stowed", {})) | dict(spec["cargo"])
    patch.status["stowed"] = stowed
    patch.status["observedGeneration"] = generation
    patch.status["phase"] = "Sailing" if spec["crew"] else "Moored"
    kopf.info(body, reason="FittedOut", message=f"generation {generation} is at sea")


@kopf.on.delete(GROUP, VERSION, PLURAL, backoff=0.5)
def strike(name, namespace, uid, retry, **_):
    core.patch_namespaced_config_map("logbook", namespace, {"data": {uid: name}})
    record("strike", name, uid=uid, retry=retry)


@kopf.on.event("apps", "v1", "deployments", labels={"ship": kopf.PRESENT})
async def roll_call(name, namespace, status, type, **_):
    """A ship's status follows its Deployment's."""
    if type == "DELETED":
        return
    aboard = status.get("readyReplicas", 0)
    await asyncio.to_thread(report, name, namespace, aboard)


def report(name, namespace, aboard):
    """Writes how many are aboard; kopf does not call again a handler of events that failed."""
    while True:
        try:
            return ships.patch_namespaced_custom_object_status(
                GROUP, VERSION, namespace, PLURAL, name, {"status": {"aboard": aboard}},
                _content_type="application/merge-patch+json")
        except kubernetes.client.ApiException as error:
            if error.status != 404:
                raise
            return None
        except urllib3.exceptions.HTTPError as error:
            record("broken", name, error=str(error))


@kopf.timer(GROUP, VERSION, PLURAL, interval=2, backoff=0.5)
def sound(patch, status, **_):
    patch.status["soundings"] = status.get("soundings", 0) + 1


@kopf.daemon(GROUP, VERSION, PLURAL, backoff=0.5, cancellation_timeout=5)
async def watch_keeping(name, uid, stopped, **_):
    record("on watch", name, uid=uid)
    while not stopped:
        await stopped.wait(60)
    record("off watch", name, uid=uid)
