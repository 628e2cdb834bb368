"""Pods for tests, made as the chart makes its own: nothing that PodSecurity `restricted` would refuse, and less."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tools.images.table import DATA

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
PATIENCE_SECONDS = 120


def pod(name: str, namespace: str, image: str, command: Sequence[str], claim: str = "", **more: Any) -> dict[str, Any]:
    """A pod that runs `command` once: read-only but for 64 MiB of memory as /tmp, without a token.

    Args:
        name: of the pod.
        namespace: where.
        image: which the node has.
        command: instead of the image's own.
        claim: a PersistentVolumeClaim that is mounted as the data folder.
        more: fields of the container.
    """
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}]
    if claim:
        mounts.append({"name": "data", "mountPath": DATA})
        volumes.append({"name": "data", "persistentVolumeClaim": {"claimName": claim}})
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": list(command),
        "securityContext": RESTRICTED,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": mounts,
        **more,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"fsGroup": 10001},
            "containers": [container],
            "volumes": volumes,
        },
    }


def python(text: str) -> list[str]:
    """A command that runs this."""
    return ["python3", "-c", text]


def said_by(cluster: ControlPlane, manifest: dict[str, Any]) -> str:
    """What a pod that ends prints; RuntimeError with it if the pod fails. The pod is deleted."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    cluster.kubectl("create", "-f", "-", given=json.dumps(manifest))
    try:
        jsonpath = "--for=jsonpath={.status.containerStatuses[0].state.terminated}"
        where = ("-n", namespace)
        ended = cluster.try_kubectl("wait", jsonpath, f"pod/{name}", *where, f"--timeout={PATIENCE_SECONDS}s")
        phase = cluster.get("pod", name, *where)["status"]
        if ended.returncode:
            raise RuntimeError(f"{name} does not end: {json.dumps(phase)[-2000:]}")
        logs = cluster.kubectl("logs", name, *where)
        if phase["containerStatuses"][0]["state"]["terminated"]["exitCode"]:
            raise RuntimeError(f"{name} failed:\n{logs[-3000:]}")
        return logs
    finally:
        cluster.kubectl("delete", "pod", name, "-n", namespace, "--now", "--wait=true")
