"""The contract of the sandbox in a cluster: the real operator and API; bubblewrap plays the pods of scans."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.scanner.sandbox import Walls, cluster, errand, open_sandbox
from tests.cluster.looking import Client
from tests.cluster.operating import Replica, account, install_crds
from tests.cluster.process_pods import ProcessPods
from tests.contract.sandbox_suite import SandboxContract

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane

INSIDE = Path("/mnt")
"""A folder that every root has: bubblewrap cannot make one on a read-only root."""


def bubblewrap(pod: dict[str, Any], volume: Path) -> list[str | Path]:
    """What the container would be: its user, no network, a read-only root, the folders that it mounts."""
    user = str(pod["spec"]["securityContext"]["runAsUser"])
    line: list[str | Path] = ["bwrap", "--unshare-user", "--uid", user, "--gid", user, "--unshare-pid", "--unshare-net"]
    line += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    for mount in pod["spec"]["containers"][0]["volumeMounts"]:
        if "subPath" in mount:
            inside = INSIDE / Path(mount["mountPath"]).relative_to("/scan")
            line += ["--ro-bind" if mount.get("readOnly") else "--bind", volume / mount["subPath"], inside]
    return [*line, "--", sys.executable, "-B", "-m", "services.scanner.sandbox.inside", INSIDE]


@pytest.fixture
def walls(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Walls]:
    install_crds(control_plane)
    monkeypatch.setattr(cluster, "INSIDE", INSIDE)
    monkeypatch.setenv("KUBECONFIG", str(account(control_plane, namespace, "scanner", tmp_path)))
    volume, home = tmp_path / "volume", tmp_path / "pods"
    volume.mkdir()
    home.mkdir()
    client = Client(control_plane.kubeconfig, namespace)
    operator = account(control_plane, namespace, "operator", tmp_path)
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    with (
        Replica(operator, namespace, "one", tmp_path, scan_image="local/scanner:1", scan_claim="scans"),
        ProcessPods(client, lambda pod: bubblewrap(pod, volume), environment, home, "scan"),
    ):
        yield open_sandbox(f"kubernetes://{namespace}?volume={volume}")
        assert not list(volume.iterdir())  # nothing of a scan stays
        assert not client.items("scanjobs")


class TestCluster(SandboxContract):
    def test_a_pod_that_says_nothing_is_tried_again_and_then_crashed(
        self, walls: Walls, inputs: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(errand, "OUTCOME", "elsewhere.json")  # where this side looks, not the pod
        outcome, _ = self.run(walls, inputs, "nothing")
        assert outcome.status == "crashed"
