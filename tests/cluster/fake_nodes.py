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
GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
"""As GPU nodes carry it: what needs none stays away."""
STAGES = Path(__file__).parent / "stages.yaml"


class FakeNodes(Component):
    """`count` nodes named `gpu-00` and so on with `gpus` GPUs each; a context manager inside that of its cluster."""

    name = "kwok"
    secure = False

    def __init__(self, cluster: ControlPlane, count: int = 20, gpus: int = 4) -> None:
        (port,) = free_ports(1)
        super().__init__(cluster.plan.home, port)
        self._cluster, self._count, self._gpus = cluster, count, gpus

    @property
    def names(self) -> list[str]:
        """Of the nodes."""
        return [f"gpu-{number:02d}" for number in range(self._count)]

    def command(self) -> Sequence[str | Path]:
        """It plays the nodes that carry its mark."""
        settings = {
            "kubeconfig": self._cluster.kubeconfig,
            "config": STAGES,
            "manage-nodes-with-annotation-selector": f"{MARK}=fake",
            "node-lease-duration-seconds": LEASE_ENDS_SECONDS,
            "server-address": f"{LOOPBACK}:{self.port}",
        }
        return [kwok(), *flags(settings)]

    def start(self) -> float:
        """Starts kwok, makes the nodes and waits until they are ready."""
        seconds = super().start()
        nodes = {"apiVersion": "v1", "kind": "List", "items": [self._node(name) for name in self.names]}
        self._cluster.kubectl("apply", "-f", "-", given=json.dumps(nodes))  # by the client: the server drops a status
        self._cluster.kubectl("wait", "--for=condition=Ready", "node", "-l", "type=kwok", "--timeout=120s")
        return seconds

    def lose(self, name: str) -> None:
        """The node falls silent; its pods go when the cluster has noticed, which takes the time of a lease."""
        self._cluster.kubectl("annotate", "node", name, f"{MARK}-")

    def find(self, name: str) -> None:
        """A lost node comes back."""
        self._cluster.kubectl("annotate", "node", name, f"{MARK}=fake")

    def _node(self, name: str) -> dict[str, Any]:
        room = {"cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti", GPU: str(self._gpus)}
        labels = {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {MARK: "fake"}, "labels": {**labels, f"{GPU}.product": "H200"}},
            "spec": {"taints": [TAINT]},
            "status": {"allocatable": room, "capacity": room},
        }
