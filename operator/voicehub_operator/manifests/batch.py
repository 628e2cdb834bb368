"""The workers of a BatchSynthesis as a Deployment, and their ScaledObject where KEDA counts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicehub_operator.domain import names
from voicehub_operator.manifests.restricted import owner, pod

_TAKEN = ("image", "imagePullPolicy", "command", "args", "env", "envFrom")


def workers(resource: Mapping[str, Any], replicas: int | None) -> dict[str, Any]:
    """The Deployment; without `replicas` it says nothing about how many, because somebody else does."""
    meta, spec = resource["metadata"], resource["spec"]
    labels = {names.KIND_LABEL: "batch", names.OWNER_LABEL: meta["name"]}
    worker = spec["worker"]
    resources = worker.get("resources", {})
    container = {
        "name": "worker",
        **{key: worker[key] for key in _TAKEN if key in worker},
        "resources": {"limits": resources, "requests": resources},
    }
    template = pod(container, {"work": "/work", "tmp": "/tmp"})  # noqa: S108 - the pod's own
    template["restartPolicy"] = "Always"
    for name in ("nodeSelector", "tolerations"):
        if spec.get(name):
            template[name] = spec[name]
    made: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels, "annotations": spec.get("podAnnotations", {})}, "spec": template},
    }
    if replicas is not None:
        made["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _meta(meta, labels), "spec": made}


def scaled_object(resource: Mapping[str, Any], servers: str) -> dict[str, Any]:
    """What KEDA scales the Deployment by."""
    meta, spec = resource["metadata"], resource["spec"]
    trigger = {
        "bootstrapServers": servers, "consumerGroup": spec["group"], "topic": spec["topic"],
        "lagThreshold": str(spec["lagPerWorker"]), "offsetResetPolicy": "earliest",
    }  # fmt: skip
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": _meta(meta, {names.KIND_LABEL: "batch", names.OWNER_LABEL: meta["name"]}),
        "spec": {
            "scaleTargetRef": {"name": meta["name"]},
            "minReplicaCount": spec["minWorkers"],
            "maxReplicaCount": spec["maxWorkers"],
            "cooldownPeriod": spec["cooldownSeconds"],
            "pollingInterval": 2,
            "triggers": [{"type": "kafka", "metadata": trigger}],
        },
    }


def _meta(meta: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": meta["name"],
        "labels": dict(labels),
        "ownerReferences": [owner("BatchSynthesis", meta["name"], meta["uid"])],
    }
