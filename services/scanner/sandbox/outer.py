"""The outer wall on one machine: bubblewrap with its own namespaces and a root that holds only code and inputs."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/ld.so.conf")
_TMP_BYTES = 16 << 20


@functools.cache
def bubblewrap() -> str | None:
    """The path of a bubblewrap that really can make namespaces here, or None."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    trial = [program, *_namespaces(), "--clearenv", "--ro-bind", "/", "/", "/usr/bin/true"]
    try:
        done = subprocess.run(trial, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if done.returncode == 0 else None


def _namespaces() -> list[str]:
    """As root the namespaces need no user namespace, and the inner wall takes the last two rights away for good."""
    common = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    common += ["--die-with-parent", "--new-session"]
    if os.geteuid() == 0:
        return [*common, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-user", *common]


def wrap(program: str, command: Sequence[str], readable: Sequence[Path], environment: Mapping[str, str]) -> list[str]:
    """The command line that runs `command` behind the wall."""
    line = [program, *_namespaces(), "--clearenv"]
    for name, value in environment.items():
        line += ["--setenv", name, value]
    line += ["--proc", "/proc", "--dev", "/dev", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"]  # noqa: S108 - the sandbox's own
    line += ["--perms", "0755", "--dir", "/etc"]
    for path in _SYSTEM:
        line += ["--ro-bind-try", path, path]
    ordered = sorted(readable, key=lambda p: len(p.parts))
    for ancestor in sorted({parent for folder in ordered for parent in folder.parents if len(parent.parts) > 1}):
        line += ["--perms", "0755", "--dir", str(ancestor)]  # bubblewrap's own would be closed to all but root
    for folder in ordered:
        line += ["--ro-bind", str(folder), str(folder)]
    return [*line, "--chdir", "/", "--remount-ro", "/", "--", *command]
