"""The box a node lives in: namespaces of its own for mounts, network and processes.

The kernel takes all of it away with its first process: containers, mounts, interfaces, rules of iptables. And that
process dies with us. What remains are empty control groups and the kernel's own settings, which are put back.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.builds import kubernetes
from tests.cluster.network import Network, run
from tests.engines.server import LOOK_SECONDS, STOP_SECONDS, Server

CONTROL_GROUPS = Path("/sys/fs/cgroup")
CHANGED_BY_KUBELET = ("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "kernel/keys/root_maxkeys")
SHARES = {"cpu.shares": "8192", "cpu.weight": "800"}
"""All pods together against single processes of this machine: eight times one of them."""
OWN_FOLDERS = ("/run", "/var/log", "/var/lib/cni")
"""Where containerd, CNI and kubelet write, whatever they are told."""


class Box(Server):
    """A process that does nothing in namespaces of its own; `enter` runs others in them.

    Args:
        home: of the cluster.
        network: what it is connected to.
    """

    name = "node"
    setting = ""

    def __init__(self, home: Path, network: Network) -> None:
        super().__init__(home)
        self.network = network
        self._kernel: dict[str, str] = {}

    @property
    def url(self) -> str:
        """Its address."""
        return self.network.node

    @property
    def control_group(self) -> str:
        """The control group that the node's pods are in."""
        return f"/{self.network.cable}"

    def command(self) -> Sequence[str | Path]:
        """Nobody but us sees these namespaces."""
        kinds = ("--mount", "--net", "--pid", "--uts", "--ipc")
        return ["unshare", *kinds, "--fork", "--kill-child=KILL", "--mount-proc", kubernetes() / "pause"]

    def start(self) -> float:
        """Makes the namespaces, folders in them, control groups and the cable."""
        seconds = super().start()
        self._kernel = {name: _kernel(name).read_text() for name in CHANGED_BY_KUBELET}
        for folder in OWN_FOLDERS:
            Path(folder).mkdir(parents=True, exist_ok=True)
            run([*self.enter("--pid"), "mount", "-t", "tmpfs", "tmpfs", folder])
        run([*self.enter("--pid"), "mount", "--make-rshared", "/"])
        for group in self._groups():
            group.mkdir(exist_ok=True)
            for name, value in SHARES.items():
                if (group / name).exists():
                    (group / name).write_text(value)
        self.network.connect(self.first)
        return seconds

    def is_ready(self) -> bool:
        """Whether its first process is there."""
        return bool(self.first)

    @property
    def first(self) -> int:
        """Process id, seen from outside, of the first process in it; 0 while there is none."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return 0
        child = int(children[0]) if children else 0
        here = os.readlink("/proc/self/ns/pid")
        return child if child and os.readlink(f"/proc/{child}/ns/pid") != here else 0

    def enter(self, *without: str) -> list[str]:
        """What to put in front of a command that shall run inside; `without` names namespaces to leave out."""
        kinds = [kind for kind in ("--mount", "--net", "--pid", "--uts", "--ipc") if kind not in without]
        return ["nsenter", f"--target={self.first}", *kinds, "--"]

    def end(self, program: str) -> None:
        """Ends the processes of this program in it, and waits until they are gone."""
        for number in self._inside():
            if _program(number) == program:
                os.kill(number, signal.SIGKILL)
                while _program(number):
                    time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Ends everything in it at once, and waits until it is gone."""
        inside = self._inside()
        self.kill()
        deadline = time.monotonic() + STOP_SECONDS
        while any(Path(f"/proc/{number}").exists() for number in inside) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        for name, value in self._kernel.items():
            _kernel(name).write_text(value)
        for group in self._groups():
            for below in sorted(group.rglob("*/"), reverse=True):
                below.rmdir()
            if group.exists():
                group.rmdir()

    def _inside(self) -> list[int]:
        if not self.first:
            return []
        space = os.readlink(f"/proc/{self.first}/ns/pid")
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _space(path) == space]

    def _groups(self) -> list[Path]:
        if (CONTROL_GROUPS / "cgroup.controllers").exists():  # version 2 has one tree
            return [CONTROL_GROUPS / self.network.cable]
        trees = (path for path in CONTROL_GROUPS.iterdir() if path.is_dir() and not path.is_symlink())
        return [path / self.network.cable for path in trees]


def _space(process: Path) -> str:
    try:
        return os.readlink(process / "ns" / "pid")
    except OSError:
        return ""


def _program(process: int) -> str:
    """Its name; '' when it has ended."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):  # the second, when it ends while it is read
        return ""


def _kernel(name: str) -> Path:
    return Path("/proc/sys") / name
