"""Networks of one cluster with a real node: a cable between this machine and the node's namespace, nothing beyond."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

MOST = 16


@dataclass
class Network:
    """Addresses of the cluster with this number; as many clusters as there are numbers run beside each other.

    The kernel frees a number with the process that holds it, and takes cable and routes away with the namespace at
    their end.
    """

    number: int
    _lock: IO[str] | None = field(default=None, repr=False)

    @staticmethod
    def take() -> Network:
        """A free number; RuntimeError if there is none."""
        for number in range(MOST):
            path = Path(tempfile.gettempdir()) / f"voicehub-cluster-network-{os.getuid()}-{number}.lock"
            lock = path.open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
            else:
                return Network(number, lock)
        raise RuntimeError(f"{MOST} clusters run already: make cluster-down")

    @property
    def cable(self) -> str:
        """Interface of this machine."""
        return f"voicehub{self.number}"

    @property
    def host(self) -> str:
        """This machine's address on the cable."""
        return f"10.250.{self.number}.1"

    @property
    def node(self) -> str:
        """The node's."""
        return f"10.250.{self.number}.2"

    @property
    def pods(self) -> str:
        """Network of the pods."""
        return f"10.244.{self.number}.0/24"

    @property
    def services(self) -> str:
        """Network of the Services."""
        return f"10.245.{self.number}.0/24"

    def connect(self, process: int) -> None:
        """Lays the cable to the namespace of a process.

        The node gets no default route: what is neither a pod nor a Service nor this machine cannot be reached. This
        machine reaches pods and Services through the node.
        """
        inside = ["nsenter", f"--net=/proc/{process}/ns/net", "ip"]
        here = ["ip"]
        for command in (
            [*here, "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", str(process)],
            [*here, "address", "add", f"{self.host}/24", "dev", self.cable],
            [*here, "link", "set", self.cable, "up"],
            [*inside, "link", "set", "lo", "up"],
            [*inside, "address", "add", f"{self.node}/24", "dev", "eth0"],
            [*inside, "link", "set", "eth0", "up"],
            [*inside, "route", "add", self.services, "via", self.host],  # kube-proxy needs a route to turn round
            [*here, "route", "add", self.pods, "via", self.node],
            [*here, "route", "add", self.services, "via", self.node],
            [*inside[:-1], "sysctl", "-qw", "net.ipv4.ip_forward=1"],
        ):
            run(command)

    def release(self) -> None:
        """Gives the number back."""
        if self._lock:
            self._lock.close()


def run(command: list[str]) -> str:
    """What a command prints; RuntimeError with what it says when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
