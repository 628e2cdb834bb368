"""The hub on a real node: the chart's one-pod profile on engines outside of it, trainings and scans as Jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.chart import CHART
from tests.cluster.real_cluster import RealCluster
from tests.cluster.relay import Relay
from tests.engines.kafka import Kafka
from tests.engines.kafka import Node as Broker
from tests.engines.ports import LOOPBACK
from tests.engines.seaweedfs import SeaweedFS
from tools.images.build import REGISTRY, build
from tools.images.layout import Layout
from tools.images.table import IMAGES

NAME = "voicehub"
POD = f"{NAME}-0"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
LITTLE = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
"""The node has two cores, and others use them."""
INSTALL_SECONDS = 420


@dataclass(frozen=True)
class Release:
    """The release `voicehub` in its namespace."""

    cluster: RealCluster
    namespace: str
    engines: Mapping[str, str]

    def helm(self, verb: str, *arguments: str) -> str:
        """What Helm says of the release."""
        return self.cluster.control_plane.helm(verb, NAME, *arguments, "--namespace", self.namespace)

    def apply(self, verb: str, **settings: Any) -> None:
        """Installs or upgrades, and waits until everything is ready; RuntimeError with what the pods say if not."""
        given = [part for key, value in {**self._values(), **settings}.items() for part in _set(key, value)]
        try:
            self.helm(verb, str(CHART), *given, "--wait", f"--timeout={INSTALL_SECONDS}s")
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.words()}") from error

    def get(self, *what: str) -> Any:
        """Objects of the namespace."""
        return self.cluster.control_plane.get(*what, "--namespace", self.namespace)

    @property
    def url(self) -> str:
        """Of the gateway, which this machine reaches through the node."""
        service = self.get("service", NAME)["spec"]
        return f"http://{service['clusterIP']}:{service['ports'][0]['port']}"

    def words(self) -> str:
        """What is wrong: pods, events and the ends of logs."""
        kubectl, where = self.cluster.control_plane.try_kubectl, ("--namespace", self.namespace)
        said = [kubectl("get", "pods,jobs,trainingjobs,scanjobs", "-o", "wide", *where).stdout]
        said.append(kubectl("get", "events", "--field-selector=type=Warning", *where).stdout[-3000:])
        said.append(kubectl("logs", POD, "--all-containers", "--prefix", "--tail=15", *where).stdout[-6000:])
        said.append(kubectl("logs", "-l", "voicehub.dev/kind=training", "--prefix", "--tail=30", *where).stdout[-6000:])
        return "\n".join(said)

    def _values(self) -> Mapping[str, Any]:
        services = ("gateway", "catalog", "trainer", "scanner", "inference")
        return {
            "global.imageRegistry": REGISTRY,
            "operator": {"enabled": True},
            "training": {
                "mode": "kubernetes",
                "queue": {"gpus": 1},
                "worker": {"resources": {"cpu": "1", "memory": "3Gi"}},
            },
            "engines": {
                "events": {"url": self.engines["events"]},
                "objects": {"existingSecret": "engines", "key": "objects"},
            },
            **{name: {"resources": LITTLE} for name in services},
        }


@contextmanager
def installed(cluster: RealCluster, folder: Path, namespace: str) -> Iterator[Release]:
    """The hub, its engines on this machine's loopback behind relays on the cluster's cable."""
    images = build(IMAGES, folder / "images")
    cluster.load(Layout(folder / "images" / "oci"), list(images.values()))
    host = cluster.node.network.host
    with ExitStack() as stack:
        events = stack.enter_context(Kafka(folder, Broker(seen_as=host)))
        objects = stack.enter_context(SeaweedFS(folder))
        for port in (events.port, objects.port):
            stack.enter_context(Relay(host, port))
        engines = {"events": events.url, "objects": objects.url.replace(LOOPBACK, host)}
        metadata = {"name": namespace, "labels": RESTRICTED}
        cluster.control_plane.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, _secret(namespace, engines)
        )
        release = Release(cluster, namespace, engines)
        release.apply("install")
        yield release


def _secret(namespace: str, engines: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": "engines", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"objects": engines["objects"]}}


def _set(key: str, value: Any) -> tuple[str, str]:
    return "--set-json", f"{key}={json.dumps(value)}"
