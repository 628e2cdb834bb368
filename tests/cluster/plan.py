"""What a cluster is decided to be before it starts: addresses, ports, networks, who is who."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.cluster.pki import Authority, signing_key
from tests.engines.ports import LOOPBACK, free_ports

DOMAIN = "cluster.local"
NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}")
MASTERS = "system:masters"


@dataclass(frozen=True)
class Plan:
    """One cluster.

    Attributes:
        home: of its state.
        ports: by what listens there.
        address: of the API server; a real node reaches it there.
        pods: network of the pods.
        services: network of the Services.
    """

    home: Path
    ports: Mapping[str, int]
    address: str = LOOPBACK
    pods: str = "10.244.0.0/16"
    services: str = "10.96.0.0/16"

    @staticmethod
    def ports_for() -> Mapping[str, int]:
        """Free ones."""
        names = ("etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
        return dict(zip(names, free_ports(len(names)), strict=True))

    @property
    def server(self) -> str:
        """The API."""
        return f"https://{self.address}:{self.ports['kube-apiserver']}"

    @property
    def dns(self) -> str:
        """Address of the Service that resolves names, the tenth of its network as everywhere."""
        return str(ipaddress.ip_network(self.services)[10])

    @cached_property
    def authority(self) -> Authority:
        """Signs users, servers and nodes."""
        return Authority(self.home / "pki", "ca")

    @cached_property
    def front(self) -> Authority:
        """Signs the API server as it speaks for its users to extensions."""
        return Authority(self.home / "pki", "front-proxy-ca")

    @property
    def signing_key(self) -> Path:
        """Of ServiceAccount tokens."""
        return signing_key(self.home / "pki" / "service-accounts.key")

    @property
    def server_hosts(self) -> list[str]:
        """Names of the API server."""
        inside = str(ipaddress.ip_network(self.services)[1])
        return [*dict.fromkeys((LOOPBACK, self.address, inside)), "localhost", *NAMES]

    def kubeconfig(self, name: str, organisation: str = "") -> Path:
        """Of a user; those of the system are called by their component."""
        return self.authority.kubeconfig(name.removeprefix("system:"), self.server, name, organisation)

    @property
    def admin(self) -> Path:
        """Kubeconfig of who may do everything."""
        return self.kubeconfig("admin", MASTERS)
