"""A real node: containerd, kubelet and kube-proxy in a box, with the cluster's DNS and storage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from tests.cluster import node_settings as settings
from tests.cluster.box import Box
from tests.cluster.component import Component
from tests.cluster.control_plane import ControlPlane
from tests.cluster.dns import dns
from tests.cluster.image_store import ImageStore
from tests.cluster.own_images import own_images
from tests.cluster.servers import flags
from tests.cluster.storage import volumes
from tools.images.layout import Built, Layout

NAME = "node-1"
GPU = "nvidia.com/gpu"
"""Declared, so that pods which ask for one can run; there is none."""
MEMORY_MIB = 10_240
"""Pods have no more of the machine than this."""


class Inside(Component):
    """A program of the node, which ends with the box."""

    secure = False

    def __init__(self, name: str, box: Box, port: int, program: Sequence[str | Path]) -> None:
        self.name = name
        super().__init__(box.home.parent, port)
        self.address = box.network.node
        self._box, self._program = box, program

    def command(self) -> Sequence[str | Path]:
        """From outside."""
        return [*self._box.enter(), *self._program]

    def stop(self) -> None:
        """Nothing to do: what runs inside has no parent outside that could end it in good order."""
        self.kill()


class Containerd(Inside):
    """The container runtime."""

    def __init__(self, box: Box, config: Path, images: Path) -> None:
        super().__init__("containerd", box, 0, ["containerd", "--config", config])
        self._images = images

    def is_ready(self) -> bool:
        """Whether it answers its own client."""
        return self.ctr("version").returncode == 0

    def ctr(self, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Its client, in the corner of Kubernetes."""
        command = [*self._box.enter(), "ctr", "--namespace=k8s.io", *arguments]
        return subprocess.run(command, capture_output=True, check=False)

    def forget_containers(self) -> None:
        """Removes what an earlier cluster left in the store beside images."""
        listed = self.ctr("containers", "list", "--quiet").stdout.decode().split()
        for name in listed:
            self.ctr("containers", "delete", name)
        for folder in self._images.glob("io.containerd.grpc.v1.cri/*"):
            shutil.rmtree(folder)

    def load(self, layout: Layout, images: Sequence[Built]) -> None:
        """Imports images as one archive, which is never written to a file; RuntimeError with what it says."""
        there = frozenset(self.ctr("content", "list", "--quiet").stdout.decode().split())
        command = [*self._box.enter(), "ctr", "--namespace=k8s.io", "images", "import", "-"]
        with TemporaryFile() as said:
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said) as client:
                assert client.stdin is not None
                try:
                    layout.write_archive(client.stdin, images, there)
                except BrokenPipeError:
                    client.kill()
            if client.returncode:
                said.seek(0)
                raise RuntimeError(f"ctr images import: {said.read().decode(errors='replace')[-2000:]}")


SOCKET_PATH = 107
"""Bytes of the longest path of a Unix socket (unix(7))."""


class Node:
    """What runs in the box joins the control plane, which must listen on the box's cable; a context manager."""

    containerd: Containerd

    def __init__(self, cluster: ControlPlane, box: Box, gpus: int = 1) -> None:
        self.cluster, self.box, self.network = cluster, box, box.network
        self._gpus = gpus
        self._folder = self.box.home
        self._store = ImageStore(self._folder)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        longest = len(os.fsencode(self._folder / "kubelet" / "pod-resources" / ("0" * 10)))
        if longest > SOCKET_PATH:
            raise RuntimeError(f"{self._folder} is {longest - SOCKET_PATH} bytes too long for sockets in it: --home")
        with ExitStack() as stack:
            stack.callback(self.box.stop)  # before the API server, which would wait for the kubelet's watches to end
            images = stack.enter_context(self._store).folder
            self._write_settings(images)
            config = self._folder / "containerd.toml"
            with Containerd(self.box, config, images) as cleaner:
                cleaner.forget_containers()
                self.box.end(cleaner.name)
            self.containerd = stack.enter_context(Containerd(self.box, config, images))
            self.containerd.load(*own_images())
            for component in self._agents():
                stack.enter_context(component)
            self._declare()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _agents(self) -> Sequence[Inside]:
        plan, address, folder = self.cluster.plan, self.network.node, self._folder
        programs = self.cluster.programs
        kubelet = {
            "config": folder / "kubelet.json",
            "kubeconfig": plan.kubeconfig(f"system:node:{NAME}", "system:nodes"),
            "hostname-override": NAME,
            "node-ip": address,
            "root-dir": folder / "kubelet",
            "cert-dir": folder / "certificates",
        }
        proxy = {"config": folder / "kube-proxy.json"}
        return [
            Inside("kubelet", self.box, 10248, [str(programs / "kubelet"), *flags(kubelet)]),
            Inside("kube-proxy", self.box, 10256, [str(programs / "kube-proxy"), *flags(proxy)]),
        ]

    def _write_settings(self, images: Path) -> None:
        plan, address, folder = self.cluster.plan, self.network.node, self._folder
        (folder / "cni").mkdir(exist_ok=True)
        (folder / "containerd.toml").write_text(settings.containerd(folder, images))
        (folder / "cni" / "pods.conflist").write_text(json.dumps(settings.cni(self.network)))
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        kubelet = settings.kubelet(plan, folder, address, self.box.control_group, max(total - MEMORY_MIB, 256))
        (folder / "kubelet.json").write_text(json.dumps(kubelet))
        user = plan.kubeconfig("system:kube-proxy")
        (folder / "kube-proxy.json").write_text(json.dumps(settings.kube_proxy(plan, user, address, NAME)))

    def _declare(self) -> None:
        """GPUs, volumes and names; then waits until all of it serves."""
        kubectl = self.cluster.kubectl
        kubectl("wait", "--for=create", f"node/{NAME}", "--timeout=60s")
        patch = json.dumps({"status": {"capacity": {GPU: str(self._gpus)}}})
        kubectl("patch", "node", NAME, "--subresource=status", "--type=merge", f"--patch={patch}")
        self.cluster.apply(*volumes(self._folder / "volumes", NAME), *dns(self.cluster.plan))
        kubectl("wait", "--for=condition=Ready", f"node/{NAME}", "--timeout=120s")
        kubectl("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=120s")
