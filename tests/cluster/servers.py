"""The processes of a control plane."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.component import Component
from tests.cluster.plan import MASTERS, Plan
from tests.engines.ports import LOOPBACK

QUICK = {"kube-api-qps": 300, "kube-api-burst": 600}
"""A thousand Jobs shall wait for a scheduler that works, not for one that rations itself."""
LEASE_ENDS_SECONDS = 40
"""A node that does not say for so long that it lives is lost."""
LOST_PODS_SECONDS = 5
"""How long pods stay on a lost node."""


def flags(values: Mapping[str, object]) -> list[str]:
    """`--name=value`; a boolean as Go writes it."""
    return [f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in values.items()]


class Etcd(Component):
    """Keeps the state; a killed one loses nothing, a machine without power may."""

    name = "etcd"
    health_path = "/health"
    secure = False

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.home, plan.ports["etcd"])
        self._peer = f"http://{LOOPBACK}:{plan.ports['etcd-peer']}"

    def command(self) -> Sequence[str | Path]:
        """One member."""
        settings = {
            "data-dir": self.home / "data",
            "listen-client-urls": self.url,
            "advertise-client-urls": self.url,
            "listen-peer-urls": self._peer,
            "initial-advertise-peer-urls": self._peer,
            "initial-cluster": f"default={self._peer}",
            "unsafe-no-fsync": True,
            "log-level": "warn",
        }
        return [self.program("etcd"), *flags(settings)]


class ApiServer(Component):
    """The API, with RBAC, node restriction and the admission of pods by the labels of their namespaces."""

    name = "kube-apiserver"
    health_path = "/readyz"
    stop_signal = signal.SIGKILL  # asked to end, it waits for watches; etcd has what it acknowledged

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.home, plan.ports["kube-apiserver"])
        self.address = plan.address
        self._plan = plan

    def command(self) -> Sequence[str | Path]:
        """Clients show certificates or tokens."""
        plan = self._plan
        pki = plan.authority.certificate
        certificate, key = plan.authority.issue("apiserver", "kube-apiserver", hosts=plan.server_hosts)
        kubelet_certificate, kubelet_key = plan.authority.issue("apiserver-kubelet", "apiserver-kubelet", MASTERS)
        front_certificate, front_key = plan.front.issue("front-proxy", "front-proxy")
        settings = {
            "etcd-servers": f"http://{LOOPBACK}:{plan.ports['etcd']}",
            "bind-address": self.address,
            "advertise-address": self.address,
            "endpoint-reconciler-type": "none" if self.address == LOOPBACK else "master-count",
            "secure-port": self.port,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction,OwnerReferencesPermissionEnforcement",
            "default-not-ready-toleration-seconds": LOST_PODS_SECONDS,
            "default-unreachable-toleration-seconds": LOST_PODS_SECONDS,
            "client-ca-file": pki,
            "tls-cert-file": certificate,
            "tls-private-key-file": key,
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": f"{plan.signing_key}.pub",
            "service-account-signing-key-file": plan.signing_key,
            "service-cluster-ip-range": plan.services,
            "allow-privileged": True,
            "kubelet-certificate-authority": pki,
            "kubelet-client-certificate": kubelet_certificate,
            "kubelet-client-key": kubelet_key,
            "kubelet-preferred-address-types": "InternalIP",
            "requestheader-client-ca-file": plan.front.certificate,
            "requestheader-allowed-names": "front-proxy",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": front_certificate,
            "proxy-client-key-file": front_key,
            "enable-aggregator-routing": True,
            "profiling": False,
        }
        return [self.program(self.name), *flags(settings)]


class ControllerManager(Component):
    """Keeps what is as it was asked for."""

    name = "kube-controller-manager"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.home, plan.ports["kube-controller-manager"])
        self._plan = plan

    def command(self) -> Sequence[str | Path]:
        """Alone, so without an election."""
        plan = self._plan
        user = plan.kubeconfig(f"system:{self.name}")
        settings = {
            "kubeconfig": user,
            "authentication-kubeconfig": user,
            "authorization-kubeconfig": user,
            "use-service-account-credentials": True,
            "service-account-private-key-file": plan.signing_key,
            "root-ca-file": plan.authority.certificate,
            "cluster-signing-cert-file": plan.authority.certificate,
            "cluster-signing-key-file": plan.authority.key,
            "allocate-node-cidrs": True,
            "cluster-cidr": plan.pods,
            "service-cluster-ip-range": plan.services,
            "concurrent-job-syncs": 20,
            "node-monitor-grace-period": f"{LEASE_ENDS_SECONDS}s",
            "leader-elect": False,
            "bind-address": LOOPBACK,
            "secure-port": self.port,
            "profiling": False,
            **QUICK,
        }
        return [self.program(self.name), *flags(settings)]


class Scheduler(Component):
    """Chooses nodes for pods."""

    name = "kube-scheduler"

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.home, plan.ports["kube-scheduler"])
        self._plan = plan

    def command(self) -> Sequence[str | Path]:
        """Alone, so without an election."""
        user = self._plan.kubeconfig(f"system:{self.name}")
        settings = {
            "kubeconfig": user,
            "authentication-kubeconfig": user,
            "authorization-kubeconfig": user,
            "leader-elect": False,
            "bind-address": LOOPBACK,
            "secure-port": self.port,
            "profiling": False,
            **QUICK,
        }
        return [self.program(self.name), *flags(settings)]
