"""Replicas of the operator as processes of this machine, with exactly the rights that the chart gives them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import yaml

from tests.engines.ports import free_ports

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane

ROOT = Path(__file__).parent.parent.parent
CRDS = sorted((ROOT / "charts/voicehub/crds").glob("*.yaml"))
RIGHTS = ROOT / "operator/voicehub_operator/rights.yaml"


def install_crds(cluster: ControlPlane) -> None:
    """The resources of the operator, served."""
    cluster.apply(*(yaml.safe_load(path.read_text()) for path in CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{_name(path)}" for path in CRDS))


def account(cluster: ControlPlane, namespace: str, name: str, home: Path) -> Path:
    """A kubeconfig of a service account with the rights that `rights.yaml` has under this name."""
    rules = yaml.safe_load(RIGHTS.read_text())[name]
    meta = {"name": name, "namespace": namespace}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
    )
    token = cluster.kubectl("create", "token", name, "-n", namespace, "--duration=2h").strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": one["name"], "user": {"token": token}} for one in config["users"]]
    path = home / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


class Replica:
    """One process of the operator; a context manager, ended with -9 at the end."""

    def __init__(self, kubeconfig: Path, namespace: str, identity: str, home: Path, **settings: object) -> None:
        self.metrics, self.health = free_ports(2)
        self._log = home / f"{identity}.log"
        given = {
            "NAMESPACE": namespace, "IDENTITY": identity, "LEASE_SECONDS": 3, "METRICS_PORT": self.metrics,
            "HEALTH_PORT": self.health, **settings,
        }  # fmt: skip
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            **{f"VOICEHUB_OPERATOR_{name.upper()}": str(value) for name, value in given.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it."""
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "voicehub_operator"], env=self._environment, stdout=log, stderr=log, cwd="/"
            )

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Ends it and waits for its end."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=30)

    def words(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    def requests(self) -> Counter[str]:
        """Requests to the API so far, by verb; watches are not among them."""
        told = httpx.get(f"http://127.0.0.1:{self.metrics}/metrics").text
        found = re.findall(r'^voicehub_operator_api_seconds_count\{verb="(\w+)"\} ([\d.e+]+)$', told, re.MULTILINE)
        return Counter({verb: int(float(count)) for verb, count in found})

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def queue(namespace: str, name: str, quota: int, **spec: Any) -> dict[str, Any]:
    """A TrainingQueue whose pods go to GPU nodes."""
    return {
        "apiVersion": "voicehub.dev/v1alpha1",
        "kind": "TrainingQueue",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "quota": quota,
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "backoff": {"baseSeconds": 1, "maxSeconds": 2},
            "nodeLostSeconds": 1,
            "graceSeconds": 2,
            "worker": {"image": "local/worker:1", "resources": {"cpu": "1", "memory": "1Gi"}},
            **spec,
        },
    }


def training(name: str, organisation: str = "acme", queue: str = "gpu", **spec: Any) -> dict[str, Any]:
    """A TrainingJob."""
    return {
        "apiVersion": "voicehub.dev/v1alpha1",
        "kind": "TrainingJob",
        "metadata": {"name": name},
        "spec": {"queue": queue, "organisation": organisation, **spec},
    }


def plays(milliseconds: int, code: int = 0) -> dict[str, str]:
    """Annotations of a pod that kwok plays: how long it runs and how it ends."""
    return {"voicehub.test/runs-for": f"{milliseconds}ms", "voicehub.test/exit-code": str(code)}


def _name(path: Path) -> str:
    return str(yaml.safe_load(path.read_text())["metadata"]["name"])
