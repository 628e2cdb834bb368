"""The control plane is a real one: its rights, its admission, its scheduler."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_nodes import GPU, TAINT, FakeNodes

PATIENCE = 120.0


def job(namespace: str, name: str, gpus: int, **annotations: str) -> dict[str, Any]:
    """A Job whose one pod asks for GPUs."""
    container = {
        "name": "main",
        "image": "none/none:1",
        "resources": {"limits": {GPU: gpus, "memory": "1Gi", "cpu": "1"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "tolerations": [{"key": TAINT["key"], "operator": "Exists"}],
        "containers": [container],
    }
    asked = {f"voicehub.test/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"annotations": asked}, "spec": pod}},
    }


def test_who_has_no_right_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    token = control_plane.kubectl("create", "token", "default", "-n", namespace).strip()
    stranger = ("--kubeconfig=/dev/null", f"--server={control_plane.plan.server}", "--insecure-skip-tls-verify")
    who = control_plane.kubectl(*stranger, f"--token={token}", "auth", "whoami")
    assert f"system:serviceaccount:{namespace}:default" in who
    refused = control_plane.try_kubectl(*stranger, f"--token={token}", "get", "pods", "-n", namespace)
    assert refused.returncode
    assert "Forbidden" in refused.stderr


def test_a_privileged_pod_is_refused(control_plane: ControlPlane, namespace: str) -> None:
    security = {"privileged": True}
    container = {"name": "main", "image": "none/none:1", "securityContext": security}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "rogue", "namespace": namespace}}
    given = json.dumps({**pod, "spec": {"containers": [container]}})
    refused = control_plane.try_kubectl("create", "-f", "-", given=given)
    assert refused.returncode
    assert 'violates PodSecurity "restricted' in refused.stderr


def test_jobs_share_the_fake_gpus(control_plane: ControlPlane, namespace: str, fake_nodes: FakeNodes) -> None:
    assert len(fake_nodes.names) == 20
    control_plane.apply(*(job(namespace, f"two-{number:02d}", 2, runs_for="5000ms") for number in range(44)))
    deadline, most = time.monotonic() + PATIENCE, 0
    while True:
        pods = control_plane.get("pods", "-n", namespace)["items"]
        busy = [pod for pod in pods if pod["spec"].get("nodeName") and pod["status"]["phase"] in ("Pending", "Running")]
        for name in {pod["spec"]["nodeName"] for pod in busy}:
            assert sum(pod["spec"]["nodeName"] == name for pod in busy) <= 2
        most = max(most, len(busy))
        if len(pods) == 44 and all(pod["status"]["phase"] == "Succeeded" for pod in pods):
            break
        assert time.monotonic() < deadline, [pod["status"] for pod in pods]
    assert most > 20


def test_a_job_fails_as_it_was_told_to(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.apply(job(namespace, "bad", 1, runs_for="100ms", exit_code="3"))
    control_plane.kubectl("wait", "--for=condition=Failed", "job/bad", "-n", namespace, "--timeout=60s")
    (pod,) = control_plane.get("pods", "-n", namespace)["items"]
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
