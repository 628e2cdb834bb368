"""A control plane with fake GPU nodes, started once for the suite; tests have namespaces of their own in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.common.ids import new_id
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_nodes import FakeNodes
from tests.cluster.plan import Plan
from tests.cluster.real_cluster import RealCluster


@pytest.fixture(scope="session")
def bare_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Without a node."""
    with ControlPlane(Plan(tmp_path_factory.mktemp("cluster"), Plan.ports_for())) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def fake_nodes(bare_control_plane: ControlPlane) -> Iterator[FakeNodes]:
    """20 nodes of 4 GPUs."""
    with FakeNodes(bare_control_plane) as nodes:
        yield nodes


@pytest.fixture
def control_plane(
    bare_control_plane: ControlPlane, fake_nodes: FakeNodes, monkeypatch: pytest.MonkeyPatch
) -> ControlPlane:
    """With fake GPU nodes, and KUBECONFIG set."""
    monkeypatch.setenv("KUBECONFIG", str(bare_control_plane.kubeconfig))
    return bare_control_plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """Of this test, with the admission of pods that the chart asks for."""
    name = f"test-{new_id().lower()}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def real_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A control plane with one node that starts containers."""
    with RealCluster(tmp_path_factory.mktemp("real-cluster")) as cluster:
        yield cluster
