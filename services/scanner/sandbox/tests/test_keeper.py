"""Nothing of a job outlives the service that runs it, whenever that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.scanner.sandbox import Job, Limits, Sandbox, outer
from services.scanner.sandbox.runner import CODE_PACKAGES, SYSTEM_LIBRARIES, code_folders, interpreter

PROBES = "services.scanner.sandbox.tests.probes"
LIMITS = Limits(cpu_seconds=60, wall_seconds=60.0, memory=2048 << 20)
# Seconds after the start: until bubblewrap stands, in small steps, until the inner walls stand, and beyond.
MOMENTS = [0.002 * step for step in range(40)] + [0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1.0]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    for place in (folder, *folder.parents):
        if place.is_relative_to(tmp_path.parent.parent):
            os.chmod(place, 0o755)
    return folder


def of_the_job(inputs: Path) -> set[int]:
    """Processes whose command line names the inputs: keeper, bubblewrap and what runs inside."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if str(inputs).encode() in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether it holds before the time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.02)
    return holds()


def service(sandbox: Sandbox, inputs: Path) -> int:
    """A process that runs a job without end, as a service would; its id."""
    process = os.fork()
    if process == 0:
        try:
            job = Job(PROBES, {"probe": "spin", "inputs": str(inputs)}, inputs, LIMITS, True)
            sandbox.run(job, lambda _: None)
        finally:
            os._exit(1)
    return process


def test_a_service_killed_at_any_moment_leaves_no_process(inputs: Path) -> None:
    sandbox = Sandbox()
    for moment in MOMENTS:
        process = service(sandbox, inputs)
        if moment == MOMENTS[-1]:
            assert until(lambda: len(of_the_job(inputs)) >= 4), "keeper, bubblewrap twice and the program are seen"
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        assert until(lambda: not of_the_job(inputs)), f"left after a kill at {moment} s: {of_the_job(inputs)}"


def test_a_program_that_nobody_listens_to_ends_and_does_not_wait_for_answers(inputs: Path) -> None:
    hung_up, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    reading, result = os.pipe()
    hung_up.close()
    os.close(reading)
    readable = [*code_folders(), inputs]
    order = {
        "program": PROBES,
        "argument": {"probe": "nothing", "inputs": str(inputs)},
        "limits": LIMITS.as_json(),
        "readable": [*map(str, readable), *SYSTEM_LIBRARIES],
        "uid": 65000 if os.geteuid() == 0 else None,
        "result": result,
        "control": control.fileno(),
    }
    roots = os.pathsep.join(str(folder.parent) for folder in code_folders() if folder.name in CODE_PACKAGES)
    inside = [interpreter(), "-m", "services.scanner.sandbox.enter", json.dumps(order)]
    bubblewrap = outer.bubblewrap()
    assert bubblewrap is not None
    command = outer.wrap(bubblewrap, inside, readable, {"PYTHONPATH": roots})
    with subprocess.Popen(command, pass_fds=(result, control.fileno()), stderr=subprocess.PIPE) as process:
        os.close(result)
        control.close()
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert b"BrokenPipeError" in said
