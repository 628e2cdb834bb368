"""Runs inside: puts up the inner wall around this process, then calls the program. `python -m …enter <json>`.

The program's code is imported while the process can still read it; no hostile byte has been opened by then. After the
walls are up, the process reads its inputs and the code folders, speaks on one pipe, and can do nothing else.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.scanner.sandbox import bpf, landlock, policy, seccomp
from services.scanner.sandbox.channel import Channel
from services.scanner.sandbox.job import SandboxUnavailable
from services.scanner.sandbox.syscalls import audit_arch

WALLS_FAILED = 70


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when the program returned, `WALLS_FAILED` when a wall did not stand."""
    order = json.loads(arguments[0])
    channel = Channel(os.fdopen(order["result"], "wb", buffering=1 << 16))
    try:
        program = _prepare(order)
        walls = _wall_in(order)
    except (SandboxUnavailable, OSError, ValueError) as error:
        channel.send({"kind": "walls-failed", "reason": str(error)})
        return WALLS_FAILED
    channel.send({"kind": "walls", **walls})
    program.main(order["argument"], channel)
    channel.send({"kind": "end"})
    return 0


def _prepare(order: Mapping[str, Any]) -> Any:
    if order["uid"] is not None:
        os.setgroups([])
        os.setresgid(order["uid"], order["uid"], order["uid"])
        os.setresuid(order["uid"], order["uid"], order["uid"])
    if 0 in (os.getuid(), os.geteuid(), os.getgid()):
        raise SandboxUnavailable("the sandbox does not run anything as root")
    seccomp.forbid_new_privileges()
    return importlib.import_module(order["program"])


def _wall_in(order: Mapping[str, Any]) -> dict[str, Any]:
    _limit(order["limits"])
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise SandboxUnavailable(f"{threads} threads run already; the walls hold for new ones only")
    version = landlock.restrict(Path(p) for p in order["readable"])
    control = socket.socket(fileno=order["control"])
    listener = seccomp.install(bpf.assemble(audit_arch(), policy.rules(control.fileno())))
    try:
        socket.send_fds(control, [b"listener"], [listener])
    finally:  # a listener that only we hold has every other call wait for an answer that nobody gives
        control.close()
        os.close(listener)
    return {"landlock": version, "seccomp": "allow-list", "uid": os.getuid()}


def _limit(limits: Mapping[str, float]) -> None:
    memory, cpu = int(limits["memory"]), int(limits["cpu_seconds"])
    bounds = {
        resource.RLIMIT_AS: (memory, memory),
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (128, 128),
        resource.RLIMIT_NPROC: (int(limits["threads"]), int(limits["threads"])),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    for kind, bound in bounds.items():
        resource.setrlimit(kind, bound)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
