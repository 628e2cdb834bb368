"""Nodes with GPUs that kwok plays: pods are bound to them, run and end, and no container starts (see `stages.yaml`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.cluster.builds import kwok
from tests.cluster.component import Component
from tests.cluster.control_plane import ControlPlane
from tests.cluster.servers import LEASE_ENDS_SECONDS, flags
from tests.engines.ports import LOOPBACK, free_ports

MARK = "kwok.x-k8s.io/node"
GROUP = "voicehub.test/group"
GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
"""As GPU nodes carry it: what needs none stays away."""
STAGES = Path(__file__).parent / "stages.yaml"


class FakeNodes(Component):
    """`count` nodes named `gpu-00` and so on with `gpus` GPUs each; a context manager inside that of its cluster.

    A `group` of its own has a kwok of its own: killed (`kill`), it renews no lease and ends no pod any more, as nodes
    without power; the cluster notices after the time of a lease.
    """

    name = "kwok"
    secure = False

    def __init__(self, cluster: ControlPlane, count: int = 20, gpus: int = 4, group: str = "gpu") -> None:
        (port,) = free_ports(1)
        super().__init__(cluster.plan.home / group, port)
        self._cluster, self._count, self._gpus, self._group = cluster, count, gpus, group

    @property
    def names(self) -> list[str]:
        """Of the nodes."""
        return [f"{self._group}-{number:02d}" for number in range(self._count)]

    def command(self) -> Sequence[str | Path]:
        """It plays the nodes that carry its mark."""
        settings = {
            "kubeconfig": self._cluster.kubeconfig,
            "config": STAGES,
            "manage-nodes-with-annotation-selector": f"{MARK}={self._group}",
            "node-lease-duration-seconds": LEASE_ENDS_SECONDS,
            "server-address": f"{LOOPBACK}:{self.port}",
        }
        return [kwok(), *flags(settings)]

    def start(self) -> float:
        """Starts kwok, makes the nodes and waits until they are ready."""
        seconds = super().start()
        nodes = {"apiVersion": "v1", "kind": "List", "items": [self._node(name) for name in self.names]}
        self._cluster.kubectl("apply", "-f", "-", given=json.dumps(nodes))  # by the client: the server drops a status
        self._cluster.kubectl("wait", "--for=condition=Ready", "node", *self.names, "--timeout=120s")
        return seconds

    def remove(self) -> None:
        """The nodes leave the cluster."""
        self._cluster.kubectl("delete", "node", *self.names, "--ignore-not-found")

    def _node(self, name: str) -> dict[str, Any]:
        room = {"cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti", GPU: str(self._gpus)}
        labels = {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
                  GROUP: self._group, f"{GPU}.product": "H200"}  # fmt: skip
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {MARK: self._group}, "labels": labels},
            "spec": {"taints": [TAINT]},
            "status": {"allocatable": room, "capacity": room},
        }
