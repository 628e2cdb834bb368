"""The Job of one scan: no token, no network policy that lets it out, its own folder of the volume and nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from voicehub_operator.domain import names
from voicehub_operator.manifests.restricted import owner, pod

_USERS = range(61184, 65520)
"""Dynamic users of systemd: nobody's."""
GRACE_SECONDS = 60
"""On top of the scan's own clock, for the pod to start."""


def user_of(scan: str) -> int:
    """A uid that other scans of the moment do not have: the kernel counts processes (RLIMIT_NPROC) by uid."""
    return _USERS.start + zlib.crc32(scan.encode()) % len(_USERS)


def scan_job(resource: Mapping[str, Any], image: str, claim: str, runtime_class: str) -> dict[str, Any]:
    """One attempt, one pod: `order.json` and `inputs` are read, `result` is written; the program ends it in time."""
    meta, spec = resource["metadata"], resource["spec"]
    labels = {names.KIND_LABEL: "scan", names.OWNER_LABEL: meta["name"]}
    memory = f"{spec['memoryMebibytes']}Mi"
    container = {
        "name": "scan",
        "image": image,
        "command": ["python", "-B", "-m", "services.scanner.sandbox.inside", "/scan"],
        "env": [{"name": "HOME", "value": "/nonexistent"}, {"name": "OMP_NUM_THREADS", "value": "1"}],
        "resources": {"limits": {"cpu": "1", "memory": memory, "ephemeral-storage": "64Mi"},
                      "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [
            {"name": "scans", "mountPath": "/scan", "subPath": spec["folder"], "readOnly": True},
            {"name": "scans", "mountPath": "/scan/result", "subPath": f"{spec['folder']}/result"},
        ],
    }  # fmt: skip
    volume = {"name": "scans", "persistentVolumeClaim": {"claimName": claim}}
    template = pod(container, {"tmp": "/tmp"}, [volume], user_of(meta["name"]))  # noqa: S108 - the pod's own
    template |= {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]}}
    if runtime_class:
        template["runtimeClassName"] = runtime_class
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": meta["name"],
            "labels": labels,
            "ownerReferences": [owner("ScanJob", meta["name"], meta["uid"])],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": spec["wallSeconds"] + GRACE_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": template},
        },
    }
