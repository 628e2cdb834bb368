"""What the programs of a real node are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cluster.network import Network
from tests.cluster.own_images import PAUSE
from tests.cluster.plan import DOMAIN, Plan


def containerd(home: Path, images: Path) -> str:
    """config.toml of containerd 1.6, which Debian 12 has."""
    return f"""
version = 2
root = "{images}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
disable_apparmor = true
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
restrict_oom_score_adj = true  # CAP_SYS_RESOURCE is missing on machines that are containers themselves
stream_server_address = "127.0.0.1"
stream_server_port = "0"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{home}/cni"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def cni(network: Network) -> dict[str, Any]:
    """Pods on a bridge, which the node is the gateway of; addresses are not translated."""
    ranges = [[{"subnet": network.pods}]]
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": ranges, "dataDir": "/run/cni"},
    }
    mapped = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, mapped]}


def kubelet(plan: Plan, home: Path, address: str, control_group: str, reserved_mib: int) -> dict[str, Any]:
    """KubeletConfiguration; pods share what is left of the machine's memory."""
    certificate, key = plan.authority.issue("kubelet", "kubelet", hosts=[address])
    least = ("nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "port": 10250,
        "healthzBindAddress": address,
        "healthzPort": 10248,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(plan.authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificate),
        "tlsPrivateKeyFile": str(key),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": control_group,
        "failCgroupV1": False,
        "failSwapOn": False,
        "systemReserved": {"memory": f"{reserved_mib}Mi"},
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "200Mi", **dict.fromkeys(least, "1%")},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "clusterDomain": DOMAIN,
        "clusterDNS": [plan.dns],
        "resolvConf": "",
        "podLogsDir": str(home / "logs"),
        "volumePluginDir": str(home / "plugins"),
        "maxPods": 60,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "serializeImagePulls": False,
        "podPidsLimit": 1024,
    }


def kube_proxy(plan: Plan, user: Path, address: str, node: str) -> dict[str, Any]:
    """KubeProxyConfiguration."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": address,
        "healthzBindAddress": f"{address}:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": str(user)},
        "mode": "iptables",
        "clusterCIDR": plan.pods,
        "hostnameOverride": node,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
