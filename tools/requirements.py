"""What this machine has, for tests that need more than Python: see tests/cannot-run-here.toml.

`python -m tools.requirements NAME` exits 0 if it has that, else 1.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

GO = (1, 24)
LIST = Path("tests/cannot-run-here.toml")


@dataclass(frozen=True)
class Listed:
    """A test (node id, file or folder) and what it requires."""

    id: str
    requires: str


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _all(*checks: Callable[[], bool]) -> Callable[[], bool]:
    return lambda: all(check() for check in checks)


def _can_unshare() -> bool:
    """Whether this machine lets us have a node's namespaces and a mount in them."""
    try:
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/run"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _go() -> bool:
    """Whether there is a Go that Kubernetes 1.34 can be built with; Debian 12 has an older one."""
    try:
        said = subprocess.run(["go", "version"], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        return False
    found = re.search(r"go(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= GO


def _as_root() -> bool:
    return os.geteuid() == 0


def _gpu() -> bool:
    return Path("/dev/nvidia0").exists()


def _onnxruntime_gpu() -> bool:
    """Whether onnxruntime was built for a GPU; both builds have one name, and only one can be installed."""
    found = importlib.util.find_spec("onnxruntime")
    return bool(found and found.origin and any(Path(found.origin).parent.glob("capi/*providers_cuda*")))


_IMAGES = _all(_as_root, _program("mmdebstrap"))
_CONTAINERS = _all(*(_program(name) for name in ("containerd", "ctr", "runc", "ip", "iptables", "nsenter")))

CHECKS: Mapping[str, Callable[[], bool]] = {
    "gpu": _gpu,
    "onnxruntime-gpu": _all(_gpu, _onnxruntime_gpu),
    "bubblewrap": _program("bwrap"),
    "chromium": _program("chromium", "chromium-browser", "google-chrome"),
    "faketime": lambda: any(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")),
    "go": _go,
    "images": _IMAGES,
    "mount": _as_root,
    "real-node": _all(_as_root, _go, _CONTAINERS, Path("/usr/lib/cni/bridge").exists, _can_unshare, _IMAGES),
    "display": lambda: bool(os.environ.get("DISPLAY")),
}


def not_runnable(path: Path = LIST) -> list[Listed]:
    """The listed tests whose requirement is not met here; ValueError for a requirement nobody can check."""
    listed = [Listed(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("test", ())]
    unknown = {one.requires for one in listed} - set(CHECKS)
    if unknown:
        raise ValueError(f"{path}: unknown requirement {', '.join(sorted(unknown))}; known: {', '.join(CHECKS)}")
    return [one for one in listed if not CHECKS[one.requires]()]


if __name__ == "__main__":
    sys.exit(not CHECKS[sys.argv[1]]())
