"""The Job of one attempt of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicehub_operator.domain import names
from voicehub_operator.manifests.restricted import owner, pod

CONTAINER = "worker"
NODE_LOST_SECONDS = GRACE_SECONDS = 30
_LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def training_job(resource: Mapping[str, Any], queue: Mapping[str, Any], attempt: int, *, kueue: bool) -> dict[str, Any]:
    """The Job: one pod of the queue's worker with the GPUs that the training asks for.

    Whatever ends the pod ends the attempt, so that the Job's controller never starts a second pod beside a lost one;
    the operator alone decides about the next attempt.
    """
    meta, spec = resource["metadata"], resource["spec"]
    labels = {
        names.KIND_LABEL: "training",
        names.OWNER_LABEL: meta["name"],
        names.QUEUE_LABEL: spec["queue"],
        names.ORGANISATION_LABEL: spec["organisation"],
        names.ATTEMPT_LABEL: str(attempt),
    }
    template = pod(_container(resource, queue, attempt), {"work": "/work", "tmp": "/tmp"})  # noqa: S108 - the pod's
    template |= _placement(spec, queue)
    job: dict[str, Any] = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "template": {
            "metadata": {"labels": labels, "annotations": _annotations(spec, queue)},
            "spec": template,
        },
    }
    if deadline := spec.get("deadlineSeconds"):
        job["activeDeadlineSeconds"] = deadline
    kueue_labels = {"kueue.x-k8s.io/queue-name": queue["kueueQueue"]} if kueue else {}
    if kueue:
        job["suspend"] = True
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.attempt_name(meta["name"], attempt),
            "labels": {**labels, **kueue_labels},
            "ownerReferences": [owner("TrainingJob", meta["name"], meta["uid"])],
        },
        "spec": job,
    }


def _container(resource: Mapping[str, Any], queue: Mapping[str, Any], attempt: int) -> dict[str, Any]:
    spec, status = resource["spec"], resource.get("status") or {}
    worker, device = queue["worker"], queue.get("resource", "nvidia.com/gpu")
    own = {
        "VOICEHUB_TRAINING_NAME": resource["metadata"]["name"],
        "VOICEHUB_TRAINING_ATTEMPT": str(attempt),
        "VOICEHUB_TRAINING_JOB": spec.get("job", ""),
        "VOICEHUB_TRAINING_REQUEST": spec.get("request", ""),
        "VOICEHUB_TRAINING_CHECKPOINT": status.get("checkpoint") or spec.get("checkpoint", ""),
        "HOME": "/work",
    }
    requested = {**worker.get("resources", {})}
    if device:
        requested[device] = str(spec.get("gpus", 1))
    made: dict[str, Any] = {
        "name": CONTAINER,
        "image": worker["image"],
        "args": list(worker.get("args", ())),
        "env": [*worker.get("env", ()), *({"name": key, "value": value} for key, value in own.items())],
        "envFrom": list(worker.get("envFrom", ())),
        "resources": {"limits": requested, "requests": requested},
    }
    if worker.get("command"):
        made["command"] = list(worker["command"])
    if worker.get("imagePullPolicy"):
        made["imagePullPolicy"] = worker["imagePullPolicy"]
    return made


def _placement(spec: Mapping[str, Any], queue: Mapping[str, Any]) -> dict[str, Any]:
    lost = [
        {"key": key, "operator": "Exists", "effect": "NoExecute",
         "tolerationSeconds": queue.get("nodeLostSeconds", NODE_LOST_SECONDS)}
        for key in _LOST
    ]  # fmt: skip
    placed: dict[str, Any] = {
        "terminationGracePeriodSeconds": queue.get("graceSeconds", GRACE_SECONDS),
        "tolerations": [*queue.get("tolerations", ()), *lost],
    }
    for name in ("nodeSelector", "priorityClassName", "runtimeClassName", "imagePullSecrets", "serviceAccountName"):
        if queue.get(name):
            placed[name] = queue[name]
    return placed


def _annotations(spec: Mapping[str, Any], queue: Mapping[str, Any]) -> dict[str, str]:
    return {**queue.get("podAnnotations", {}), **spec.get("podAnnotations", {})}
