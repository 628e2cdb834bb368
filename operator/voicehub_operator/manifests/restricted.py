"""Pods that PodSecurity's level `restricted` admits, without a token of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

USER = 65532


def pod(
    container: Mapping[str, Any],
    scratch: Mapping[str, str],
    volumes: Sequence[Mapping[str, Any]] = (),
    user: int = USER,
) -> dict[str, Any]:
    """A pod of one container with a read-only root; `scratch` are emptyDirs, path by name."""
    mounts = [*container.get("volumeMounts", ()), *({"name": n, "mountPath": p} for n, p in scratch.items())]
    walled = {
        **container,
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [walled],
        "volumes": [*volumes, *({"name": name, "emptyDir": {}} for name in scratch)],
    }


def owner(kind: str, name: str, uid: str) -> dict[str, Any]:
    """The reference of a child to the resource that it goes with."""
    return {
        "apiVersion": "voicehub.dev/v1alpha1", "kind": kind, "name": name, "uid": uid,
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
