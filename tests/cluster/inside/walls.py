"""`python3 -m inside.walls`: the scanner's attacks on its inner walls, in a pod; one JSON object an attack."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.scanner.sandbox import Job, Limits, Sandbox
from services.scanner.sandbox.channel import Frame

PROBES = "services.scanner.sandbox.tests.probes"
MEMORY = 2048 << 20
EXOTIC: Mapping[str, list[int]] = {
    "ptrace": [16, 1, 0, 0],
    "mount": [0, 0, 0, 0],
    "io_uring_setup": [8, 0],
    "userfaultfd": [1],
    "bpf": [0, 0, 0],
    "keyctl": [0, -3, 1],
}


def attacks(tenant: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and argument of each probe; `nothing` is honest work."""
    yield "nothing", {}
    for probe in ("socket", "unix_socket", "fork", "exec", "signal_parent", "fill_disk", "write_tmp", "allocate"):
        yield probe, {}
    yield "read", {"path": str(tenant)}
    yield "read", {"path": "/etc/shadow"}
    yield "write", {"path": "/tmp/outside"}
    for call, arguments in EXOTIC.items():
        yield "syscall", {"syscall": call, "arguments": arguments}
    yield "spin", {}


def main() -> None:
    """Tries them all."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, tenant = Path(folder, "inputs"), Path(folder, "other-tenant.wav")
        inputs.mkdir()
        (inputs / "input.txt").write_text("for the job")
        tenant.write_text("private")
        sandbox = Sandbox(outer_wall=False)  # the pod is it
        for probe, more in attacks(tenant):
            told: list[Mapping[str, Any]] = []

            def receive(frame: Frame, told: list[Mapping[str, Any]] = told) -> None:
                told.append(frame.header)

            limits = Limits(cpu_seconds=2, wall_seconds=20.0, memory=MEMORY)
            argument = {"probe": probe, "inputs": str(inputs), **more}
            outcome = sandbox.run(Job(PROBES, argument, inputs, limits), receive)
            said = {
                "probe": probe,
                **more,
                "status": outcome.status,
                "answer": told[0] if told else None,
                "attempts": [[attempt.syscall, attempt.detail] for attempt in outcome.attempts],
                "walls": dict(outcome.walls),
                "uid": os.getuid(),
            }
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
