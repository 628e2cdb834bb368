"""Storage of a real node: folders of this machine, offered as volumes before anybody asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLASS = "local"
COUNT = 24
SIZE = "100Gi"


def volumes(folder: Path, node: str) -> Sequence[dict[str, Any]]:
    """The default storage class and its volumes; their folders are made."""
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": default},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return [storage_class, *(_volume(folder / f"volume-{number:02d}", node) for number in range(COUNT))]


def _volume(path: Path, node: str) -> dict[str, Any]:
    path.mkdir(parents=True, exist_ok=True)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": path.name},
        "spec": {
            "capacity": {"storage": SIZE},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": CLASS,
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
